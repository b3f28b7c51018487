interface Claim {
  readonly clients: ReadonlySet<number>
  readonly over: Promise<unknown>
}

/**
 * Who writes which clients' structs to a document at the moment. What an update repeats is told from what the document
 * holds, so two requests that bring the same client's structs must not be judged side by side; all others may. That is for
 * one server: what another one appends meanwhile is told in the turn (`server/rules/basis.ts`).
 */
export class Claims {
  readonly #held = new Map<string, Set<Claim>>()

  /** Runs `work` when no other work on `key` holds one of the clients. */
  async hold<T>(key: string, clients: ReadonlySet<number>, work: () => Promise<T>): Promise<T> {
    for (let other = this.#other(key, clients); other; other = this.#other(key, clients)) await other.over
    const running = work()
    const claim = { clients, over: running.catch(() => undefined) }
    const claims = this.#held.get(key) ?? new Set()
    this.#held.set(key, claims.add(claim))
    try {
      return await running
    } finally {
      claims.delete(claim)
      if (claims.size === 0) this.#held.delete(key)
    }
  }

  #other(key: string, clients: ReadonlySet<number>): Claim | undefined {
    for (const claim of this.#held.get(key) ?? []) {
      for (const client of clients) if (claim.clients.has(client)) return claim
    }
    return undefined
  }
}
