import { limits } from './limits.ts'

/** What is to be done about others at some moment. */
export interface Due {
  /** Not heard for too long. */
  readonly gone: readonly number[]
  /** The server had forgotten them, and they did not say again that they are here. */
  readonly missing: readonly number[]
  /** They left long ago: nothing about them need be remembered. */
  readonly forgotten: readonly number[]
}

/** Who was heard when. Times are of a clock that only its owner reads, in milliseconds. */
export class Attendance {
  readonly #heard = new Map<number, number>()
  /** Clients that were heard since each of these was begun. */
  readonly #news = new Set<Set<number>>()
  /** Until when they have to be heard. */
  readonly #suspects = new Map<number, number>()
  readonly #left = new Map<number, number>()

  /** Clients that are present. */
  get clients(): readonly number[] {
    return [...this.#heard.keys()]
  }

  /** From now on. @returns those present that were not heard since, once */
  silentFromNow(): () => readonly number[] {
    const news = new Set<number>()
    this.#news.add(news)
    return () => {
      this.#news.delete(news)
      return this.clients.filter(client => !news.has(client))
    }
  }

  hear(client: number, at: number): void {
    this.#suspects.delete(client)
    this.#left.delete(client)
    this.#heard.set(client, at)
    for (const news of this.#news) news.add(client)
  }

  /** How long ago each of those present was heard. */
  ages(now: number): ReadonlyMap<number, number> {
    return new Map([...this.#heard].map(([client, at]) => [client, now - at]))
  }

  /** What was heard of a client was said by then, however late it came. */
  date(client: number, at: number): void {
    const heard = this.#heard.get(client)
    if (heard !== undefined && at < heard) this.#heard.set(client, at)
  }

  leave(client: number, now: number): void {
    this.#suspects.delete(client)
    this.#heard.delete(client)
    this.#left.set(client, now)
  }

  suspect(client: number, now: number): void {
    if (this.#heard.has(client)) this.#suspects.set(client, now + limits.graceMs)
  }

  forget(client: number): void {
    this.#suspects.delete(client)
    this.#heard.delete(client)
    this.#left.delete(client)
  }

  due(now: number): Due {
    const missing = upTo(this.#suspects, now)
    return {
      missing,
      gone: upTo(this.#heard, now - limits.goneMs).filter(client => !missing.includes(client)),
      forgotten: upTo(this.#left, now - limits.forgetMs),
    }
  }

  /** Milliseconds until something may be due; undefined while there is nobody to wait for. */
  next(now: number): number | undefined {
    let next: number | undefined
    const sooner = (at: number) => {
      if (next === undefined || at < next) next = at
    }
    for (const at of this.#heard.values()) sooner(at + limits.goneMs)
    for (const at of this.#suspects.values()) sooner(at)
    for (const at of this.#left.values()) sooner(at + limits.forgetMs)
    return next === undefined ? undefined : next - now
  }
}

const upTo = (times: ReadonlyMap<number, number>, latest: number): readonly number[] =>
  [...times].filter(([, time]) => time <= latest).map(([client]) => client)
