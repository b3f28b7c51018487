/**
 * Who writes which clients' structs to a document at the moment. What an update repeats is told from what the document
 * holds, so two requests that bring the same client's structs must not be judged side by side; all others may. That is for
 * one server: what another one appends meanwhile is told in the turn (`server/rules/basis.ts`).
 */
export class Claims {
  /** By the client, the end of the work that holds it. */
  readonly #held = new Map<string, Map<number, Promise<unknown>>>()

  /** Runs `work` when no other work on `key` holds one of the clients. */
  async hold<T>(key: string, clients: ReadonlySet<number>, work: () => Promise<T>): Promise<T> {
    if (clients.size === 0) return work()
    for (let over = this.#other(key, clients); over; over = this.#other(key, clients)) await over
    const running = work()
    const over = running.catch(() => undefined)
    const held = this.#held.get(key) ?? new Map<number, Promise<unknown>>()
    this.#held.set(key, held)
    for (const client of clients) held.set(client, over)
    try {
      return await running
    } finally {
      for (const client of clients) held.delete(client)
      if (held.size === 0) this.#held.delete(key)
    }
  }

  #other(key: string, clients: ReadonlySet<number>): Promise<unknown> | undefined {
    const held = this.#held.get(key)
    if (!held) return undefined
    for (const client of clients) {
      const over = held.get(client)
      if (over) return over
    }
    return undefined
  }
}
