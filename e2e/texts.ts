import { expect, vi } from 'vitest'

/** A window, or whatever else shows a text. */
interface Reader {
  text(): Promise<string>
}

/** How long a condition may take to come true where two processors do the work of many browsers. */
export const patience = { timeout: 30_000, interval: 50 }

/** Waits until one has this text. */
export const reads = (one: Reader, text: string): Promise<void> =>
  vi.waitFor(async () => expect(await one.text()).toBe(text), patience)

/** Waits until each of them has had this text. */
export const allRead = (all: readonly Reader[], text: string): Promise<unknown> =>
  Promise.all(all.map(one => reads(one, text)))

/** Waits until all have the same text. @returns it */
export const agree = (...all: readonly Reader[]): Promise<string> =>
  vi.waitFor(async () => {
    const [first = '', ...rest] = await Promise.all(all.map(one => one.text()))
    expect(rest).toEqual(rest.map(() => first))
    return first
  }, patience)
