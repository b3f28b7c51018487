import { describe, expect, test } from 'vitest'
import { Choice, type Ending, pinned, weigh } from '../../client/choice.ts'
import { ClientCode, StreamError, type StreamErrorCode } from '../../client/error.ts'
import { limits } from '../../client/limits.ts'
import { Remembered } from '../../client/remembered.ts'
import { ErrorCode } from '../../protocol/index.ts'

const failure = (code: StreamErrorCode, facts: { status?: number; page?: true; word?: true } = {}) =>
  new StreamError(code, '', {
    url: 'http://server/s',
    status: facts.status,
    details: { ...(facts.page && { page: true }), ...(facts.word && { error: { code } }) },
  })
const network = failure(ClientCode.network)
const timeout = failure(ClientCode.timeout)
const gateway = failure(ErrorCode.internal, { status: 502 })
const unopened: Ending = {
  overtaken: false,
  opened: false,
  heard: false,
  moved: false,
  livedMs: 100,
  error: network,
}
const cut: Ending = { ...unopened, opened: true, heard: true, livedMs: 9_999 }
const enough = 3

test.each<readonly [string, string, Ending, number]>([
  ['W1', 'fell silent', { ...cut, livedMs: 45_000, error: timeout }, enough],
  ['W1', 'fell silent after it had brought something', { ...cut, moved: true, error: timeout }, enough],
  ['W2', 'brought something before it was cut', { ...cut, moved: true }, 0],
  ['W3', 'was a page', { ...unopened, error: failure(ErrorCode.internal, { status: 502, page: true }) }, 3],
  ['W3', 'was refused by a page', { ...unopened, error: failure(ErrorCode.forbidden, { page: true }) }, 3],
  ['W4', 'was no event stream', { ...unopened, error: failure(ClientCode.badAnswer, { status: 200 }) }, 3],
  ['W5', 'was 502', { ...unopened, error: gateway }, 1],
  ['W5', 'was 503', { ...unopened, error: failure(ErrorCode.internal, { status: 503 }) }, 1],
  ['W5', 'was 504', { ...unopened, error: failure(ErrorCode.internal, { status: 504 }) }, 1],
  [
    'W5',
    'was 503 in the word of a server',
    { ...unopened, error: failure(ErrorCode.tooManyReaders, { status: 503, word: true }) },
    0,
  ],
  ['W6', 'had no head', unopened, 1],
  ['W6', 'was 429', { ...unopened, error: failure(ErrorCode.rateLimited, { status: 429 }) }, 0],
  ['W6', 'was 500', { ...unopened, error: failure(ErrorCode.internal, { status: 500 }) }, 0],
  ['W6', 'was never sent', { ...unopened, error: failure(ClientCode.headersFailed) }, 0],
  ['W6', 'had no head in time, nor had a plain read', { ...unopened, error: timeout }, 0],
  ['W7', 'had a head and nothing in time', { ...cut, heard: false, error: timeout }, 0],
  ['W8', 'went back', { ...cut, error: failure(ClientCode.wentBack) }, 0],
  ['W9', 'was cut within seconds', cut, 1],
  ['W9', 'was ended within seconds', { ...cut, error: undefined }, 1],
  ['W9', 'was garbled within seconds', { ...cut, error: failure(ClientCode.badAnswer) }, 1],
  ['W9', 'was cut later', { ...cut, livedMs: 10_000 }, 0],
])('[%s] an event stream that %s', (_, __, ending, weight) => {
  expect(weigh(ending)).toBe(weight)
})

/** What one page remembers, and followers in it. */
const page = () => {
  const kept = new Map<string, string>()
  const memory = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  }
  return { kept, follower: (origin = 'http://a') => new Choice(new Remembered(memory, origin)) }
}
const now = Date.UTC(2025, 0, 1)
const overtaken: Ending = { ...unopened, overtaken: true, error: undefined }

/** What it does next: the way at the start, or at a wait. */
const next = (choice: Choice, at = now) => choice.way(at, false)

/** Brought to long-poll in two overtakings, as yet without a wait that was answered. */
const trying = (choice: Choice, at = now): Choice => {
  next(choice, at)
  choice.ended(overtaken, at)
  next(choice, at)
  choice.ended(overtaken, at)
  return choice
}
const polling = (choice: Choice): Choice => {
  trying(choice).polled(true, true, now)
  return choice
}

describe('The choice', () => {
  test('[C1] begins with event streams, and stays with them while they do well', () => {
    const choice = page().follower()
    for (let turn = 0; turn < 10; turn++) {
      expect(next(choice)).toBe('sse')
      choice.ended({ ...cut, livedMs: 60_000, error: undefined }, now)
    }
  })

  test('[C2] after the third doubt in a row is a plain read, after the second it is not', () => {
    const choice = page().follower()
    for (const way of ['sse', 'sse', 'read']) {
      choice.ended({ ...unopened, error: gateway }, now)
      expect(next(choice)).toBe(way)
    }
  })

  test('[C3] doubts are forgotten once an event stream does well', () => {
    const choice = page().follower()
    for (let turn = 0; turn < 10; turn++) {
      choice.ended(cut, now)
      choice.ended(cut, now)
      choice.ended({ ...cut, moved: true }, now)
    }
    expect(next(choice)).toBe('sse')
  })

  test('[C4] a plain read that fails as well clears event streams of all doubt', () => {
    const choice = page().follower()
    for (let turn = 0; turn < 3; turn++) choice.ended(cut, now)
    expect(next(choice)).toBe('read')
    choice.polled(false, false, now)
    expect(next(choice)).toBe('sse')
    choice.ended(cut, now)
    choice.ended(cut, now)
    expect(next(choice)).toBe('sse')
  })

  test('[C5] a plain read that gets through is followed by an event stream once more, and by long-poll only after that', () => {
    const choice = page().follower()
    for (let turn = 0; turn < 3; turn++) choice.ended(cut, now)
    choice.polled(true, false, now)
    expect(next(choice)).toBe('sse')
    choice.ended(cut, now)
    expect(next(choice)).toBe('long-poll')
  })

  test('[C6] an event stream that does well after a plain read is trusted as before', () => {
    const choice = page().follower()
    choice.ended(overtaken, now)
    choice.ended({ ...cut, livedMs: 60_000 }, now)
    choice.ended(cut, now)
    expect(next(choice)).toBe('sse')
  })

  test('[C7] long-poll is on trial until a wait was answered; one that fails before leads back to event streams', () => {
    const { kept, follower } = page()
    const choice = trying(follower())
    choice.polled(true, false, now)
    expect([next(choice), kept.size]).toEqual(['long-poll', 1])
    choice.polled(false, true, now)
    expect([next(choice), kept.size]).toEqual(['sse', 0])
  })

  test('[C8] long-poll that has shown that it works is kept, whatever fails, until its time is over', () => {
    const choice = polling(page().follower())
    choice.polled(false, true, now)
    expect(next(choice, now + limits.rememberMs - 1)).toBe('long-poll')
    expect(next(choice, now + limits.rememberMs)).toBe('sse')
  })

  test('[C9] when the time is over a long-poll that works goes on, and one follower looks', () => {
    const { follower } = page()
    const [one, other] = [polling(follower()), follower()]
    const later = now + limits.rememberMs
    expect(other.way(later - 1, true)).toBe('long-poll')
    expect([one.claimLook(later - 1), other.claimLook(later - 1)]).toEqual([false, false])
    expect([one.way(later, true), other.way(later, true)]).toEqual(['long-poll', 'long-poll'])
    expect([one.claimLook(later), other.claimLook(later)]).toEqual([true, false])
    one.looked(false, later)
    expect(one.claimLook(later + limits.rememberMs - 1)).toBe(false)
    expect(other.claimLook(later + limits.rememberMs)).toBe(true)
    other.looked(true, later + limits.rememberMs)
    expect([one, other].map(choice => choice.way(later + limits.rememberMs, true))).toEqual(['sse', 'sse'])
  })

  test('[C10] a look that was broken off is taken by another follower a minute later', () => {
    const { follower } = page()
    const [one, other] = [polling(follower()), polling(follower())]
    const later = now + limits.rememberMs
    expect(one.claimLook(later)).toBe(true)
    one.looked(undefined, later + 1_000)
    expect(other.claimLook(later + limits.lookMs - 1)).toBe(false)
    expect(other.claimLook(later + limits.lookMs)).toBe(true)
  })

  test('[C11] what is learnt of one origin says nothing of another', () => {
    const { follower } = page()
    polling(follower('http://a'))
    expect([next(follower('http://a')), next(follower('http://b'))]).toEqual(['long-poll', 'sse'])
  })

  test('[C12] a page may cast doubt on a refusal for good, but not where the caller has chosen', () => {
    const page403 = failure(ErrorCode.forbidden, { status: 403, page: true })
    expect(page().follower().doubts(page403)).toBe(true)
    expect(
      page()
        .follower()
        .doubts(failure(ErrorCode.forbidden, { status: 403 })),
    ).toBe(false)
    expect(pinned('sse').doubts(page403)).toBe(false)
  })
})

describe('The memory', () => {
  test.each(['', 'soon', '-1', '1e3', 'NaN', '9'.repeat(400), String(now + limits.rememberMs + 1)])(
    '[M1] that holds %j holds nothing',
    text => {
      const memory = { getItem: () => text, setItem: () => undefined, removeItem: () => undefined }
      expect(next(new Choice(new Remembered(memory, 'http://a')))).toBe('sse')
    },
  )

  const full = () => {
    throw new DOMException('full', 'QuotaExceededError')
  }
  test.each<readonly [string, Partial<Record<'getItem' | 'setItem' | 'removeItem', () => never>>]>([
    ['takes nothing', { setItem: full }],
    ['throws at everything', { getItem: full, setItem: full, removeItem: full }],
    ['forgets', {}],
  ])('[M2] that %s leaves it to each follower to remember', (_, faults) => {
    const memory = { getItem: () => null, setItem: () => undefined, removeItem: () => undefined, ...faults }
    const choice = polling(new Choice(new Remembered(memory, 'http://a')))
    expect(next(choice, now + limits.rememberMs - 1)).toBe('long-poll')
    expect(next(new Choice(new Remembered(memory, 'http://a')))).toBe('sse')
    expect(next(choice, now + limits.rememberMs)).toBe('sse')
  })
})
