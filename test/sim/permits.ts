import type { Authorize } from '../../server/access/question.ts'

const scheme = 'Bearer '

/** Who may do what: credentials that end, and rights that are taken away for a while. Without credentials, everything. */
export class Permits {
  /** How often each caller's credentials have ended. */
  readonly #turns = new Map<string, number>()
  readonly #readers = new Set<string>()

  /** Credentials as a caller gets them now. */
  issue(caller: string): string {
    return `${scheme}${caller} ${this.#turns.get(caller) ?? 0}`
  }

  /** What was issued to a caller is refused from now on. */
  expire(caller: string): void {
    this.#turns.set(caller, (this.#turns.get(caller) ?? 0) + 1)
  }

  /** From now on a caller may read, and nothing else. */
  demote(caller: string): void {
    this.#readers.add(caller)
  }

  promote(caller: string): void {
    this.#readers.delete(caller)
  }

  readonly authorize: Authorize = ({ request }) => {
    const credentials = request.headers.get('Authorization')
    if (credentials === null) return 'allow'
    const [caller = '', turn] = credentials.slice(scheme.length).split(' ')
    if (Number(turn) !== (this.#turns.get(caller) ?? 0)) return 'deny'
    return { verdict: this.#readers.has(caller) ? 'read-only' : 'allow', caller }
  }
}
