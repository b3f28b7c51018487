import type { SlotLocks } from './slot.ts'

interface Request {
  /** Resolves when the lock is let go of. */
  enter(): Promise<void>
  lose(): void
}

/** Locks among the documents of one page, for where the browser has none: its Web Locks want a secure context. */
export class PageLocks implements SlotLocks {
  readonly #held = new Map<string, Request>()
  readonly #waiting = new Map<string, readonly Request[]>()

  request<Result>(
    name: string,
    { signal, steal }: { readonly signal?: AbortSignal; readonly steal?: boolean },
    held: (lock: unknown) => Promise<Result>,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      const request: Request = {
        enter: () => {
          signal?.removeEventListener('abort', leave)
          return held(undefined).then(resolve, reject)
        },
        lose: () => reject(new DOMException('somebody took the lock', 'AbortError')),
      }
      const leave = () => {
        this.#waiting.set(
          name,
          this.#queue(name).filter(one => one !== request),
        )
        reject(new DOMException('the lock is not asked for any more', 'AbortError'))
      }
      signal?.addEventListener('abort', leave)
      if (signal?.aborted) return leave()
      if (steal) this.#enter(name, request)
      else {
        this.#waiting.set(name, [...this.#queue(name), request])
        this.#serve(name)
      }
    })
  }

  async query() {
    return { pending: [...this.#waiting].flatMap(([name, queue]) => queue.map(() => ({ name }))) }
  }

  #queue(name: string): readonly Request[] {
    return this.#waiting.get(name) ?? []
  }

  #serve(name: string): void {
    const [next, ...rest] = this.#queue(name)
    if (!next || this.#held.has(name)) return
    this.#waiting.set(name, rest)
    this.#enter(name, next)
  }

  #enter(name: string, request: Request): void {
    this.#held.get(name)?.lose()
    this.#held.set(name, request)
    void request.enter().then(() => {
      if (this.#held.get(name) !== request) return
      this.#held.delete(name)
      this.#serve(name)
    })
  }
}

/** One for all providers of this page. */
export const pageLocks: SlotLocks = new PageLocks()
