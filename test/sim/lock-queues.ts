import type { Locks } from '../../provider/tabs/origin.ts'
import type { Life } from './clock.ts'

/** As in the standard's `LockOptions`. */
interface LockOptions {
  readonly signal?: AbortSignal
  readonly steal?: boolean
  readonly ifAvailable?: boolean
  readonly mode?: 'exclusive' | 'shared'
}

interface Request {
  readonly life: Life
  readonly shared: boolean
  /** The tab hears that it has the lock. */
  enter(): void
  /** The tab hears that somebody took it. */
  break(): void
}

interface Queue {
  readonly held: Set<Request>
  readonly waiting: Request[]
}

/** The Web Locks of one origin (https://www.w3.org/TR/web-locks/). What they decide reaches a tab through its life. */
export class LockQueues {
  readonly #queues = new Map<string, Queue>()
  readonly #latency: () => number

  /** `latency`: milliseconds until somebody hears of being robbed, which may be later than the thief hears of the success. */
  constructor(latency: () => number) {
    this.#latency = latency
  }

  /** The locks as one tab sees them. */
  of(life: Life): Locks {
    return {
      request: <Result>(name: string, options: LockOptions, held: (lock: unknown) => Promise<Result>) =>
        this.#request(life, name, options, held),
    }
  }

  /** A tab is gone: what it held is free, and what it asked for is not asked for any more. */
  forget(life: Life): void {
    for (const queue of this.#queues.values()) {
      const staying = queue.waiting.filter(request => request.life !== life)
      queue.waiting.splice(0, queue.waiting.length, ...staying)
      for (const request of queue.held) if (request.life === life) queue.held.delete(request)
      this.#serve(queue)
    }
  }

  #request<Result>(
    life: Life,
    name: string,
    options: LockOptions,
    held: (lock: unknown) => Promise<Result>,
  ): Promise<Result> {
    const { signal, steal = false, ifAvailable = false, mode = 'exclusive' } = options
    if (steal && (signal || ifAvailable || mode === 'shared')) {
      return Promise.reject(new DOMException('`steal` goes with no other option.', 'NotSupportedError'))
    }
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      if (life.over) return
      const queue = this.#queue(name)
      const leave = () => {
        const at = queue.waiting.indexOf(request)
        if (at >= 0) queue.waiting.splice(at, 1)
        queue.held.delete(request)
        this.#serve(queue)
      }
      const abort = () => {
        reject(signal?.reason)
        if (queue.waiting.includes(request)) leave()
      }
      const request: Request = {
        life,
        shared: mode === 'shared',
        enter: () => {
          signal?.removeEventListener('abort', abort)
          if (signal?.aborted) return leave()
          const left = run(held, { name, mode })
          left.finally(leave).then(resolve, reject)
        },
        break: () => reject(new DOMException('The lock was stolen.', 'AbortError')),
      }
      if (ifAvailable && !isFree(queue, request)) {
        life.after(0, () => run(held, null).then(resolve, reject))
        return
      }
      signal?.addEventListener('abort', abort)
      if (steal) {
        for (const robbed of queue.held) robbed.life.after(this.#latency(), robbed.break)
        queue.held.clear()
        queue.waiting.unshift(request)
      } else queue.waiting.push(request)
      this.#serve(queue)
    })
  }

  #queue(name: string): Queue {
    const queue = this.#queues.get(name) ?? { held: new Set(), waiting: [] }
    this.#queues.set(name, queue)
    return queue
  }

  #serve({ held, waiting }: Queue): void {
    for (let next = waiting[0]; next && admits(held, next); next = waiting[0]) {
      waiting.shift()
      held.add(next)
      next.life.after(0, next.enter)
    }
  }
}

const run = async <Result>(held: (lock: unknown) => Promise<Result>, lock: unknown): Promise<Result> =>
  held(lock)

const admits = (held: ReadonlySet<Request>, request: Request): boolean =>
  held.size === 0 || (request.shared && [...held].every(({ shared }) => shared))

const isFree = ({ held, waiting }: Queue, request: Request): boolean =>
  waiting.length === 0 && admits(held, request)
