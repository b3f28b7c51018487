import { afterEach, describe, expect, test, vi } from 'vitest'
import { parseRetryAfter } from '../../client/backoff.ts'
import { fromBase64 } from '../../client/base64.ts'
import { settleEnv } from '../../client/env.ts'
import { backoff, type Memory, realEnv } from '../../client/index.ts'
import { joinArrays } from '../../client/json.ts'
import { seeded } from './world.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('backoff', () => {
  test('is anywhere below a bound that doubles from the base to the cap', () => {
    const most = (failures: number) => backoff(failures, { random: () => 0.999999 })
    expect([0, 1, 2, 6, 7, 50, 5000].map(most)).toEqual([250, 500, 1000, 16_000, 30_000, 30_000, 30_000])
    expect(backoff(9, { random: () => 0 })).toBe(0)
    expect(backoff(3, { random: () => 0.5 }, { baseMs: 10, capMs: 60 })).toBe(30)
  })

  test('comes after what the server asked for, spread over a second, and that is at most an hour', () => {
    expect(backoff(0, { random: () => 0.5 }, undefined, 7000)).toBe(7500)
    expect(backoff(0, { random: () => 0.5 }, undefined, 600)).toBe(900)
    expect(backoff(0, { random: () => 0 }, undefined, 1e15)).toBe(3_600_000)
  })
})

test.each([
  [null, undefined],
  ['0', 0],
  [' 120 ', 120_000],
  ['Thu, 01 Jan 1970 00:00:10 GMT', 9000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['soon', undefined],
  ['soon, maybe in 2099', undefined],
  ['-5', undefined],
  ['1.5', undefined],
  ['1e9', undefined],
  ['12 seconds', undefined],
  ['2099', 2_099_000],
  ['Thursday, 01-Jan-70 00:00:10 GMT', 9000],
  ['Thu Jan  1 00:00:10 1970 GMT', 9000],
  ['Thu, 99 Foo 2099', undefined],
  ['9'.repeat(400), Number.POSITIVE_INFINITY],
  ['', undefined],
])('Retry-After %j is %j', (value, expected) => {
  expect(parseRetryAfter(value, 1000)).toBe(expected)
})

describe.each(['Buffer', 'Uint8Array.fromBase64', 'atob'])('base64 by %s', way => {
  const decode = (text: string) => {
    if (way !== 'Buffer') {
      vi.stubGlobal('Buffer', undefined)
      const native = Object.assign(class extends Uint8Array {}, {
        fromBase64: (given: string) => Uint8Array.from(atob(given), char => char.charCodeAt(0)),
      })
      if (way === 'Uint8Array.fromBase64') vi.stubGlobal('Uint8Array', native)
    }
    const bytes = fromBase64(text)
    vi.unstubAllGlobals()
    return bytes
  }

  test('gives back what was encoded, in memory of its own', () => {
    const random = seeded(7)
    for (let length = 0; length < 70; length++) {
      const bytes = Uint8Array.from({ length }, () => random() * 256)
      const decoded = decode(Buffer.from(bytes).toString('base64'))
      expect([...(decoded ?? [])]).toEqual([...bytes])
      expect(decoded?.buffer.byteLength).toBe(length)
    }
  })

  test.each([
    'a',
    'ab',
    'abc',
    'abcde',
    'a=bc',
    '====',
    'ab=c',
    'a===',
    '_-_-',
    'ab c',
    'abc\n',
    'abcé',
    '=abc',
  ])('refuses %j', text => {
    expect(decode(text)).toBeUndefined()
  })
})

test('arrays joined are one array of all their elements', () => {
  expect(joinArrays(['[1,2]', ' [ ] ', '[\n[3]\n]', '{"a":[4]}'])).toBe('[1,2,[3],{"a":[4]}]')
  expect(joinArrays([])).toBe('[]')
})

describe('the real world', () => {
  test('sleeps as long as it is told, longer than one timer lasts at most, and wakes when called', async () => {
    vi.useFakeTimers()
    const woken: string[] = []
    const gone = new AbortController()
    const note = (name: string) => () => woken.push(name)
    const naps = [
      realEnv.sleep(1000, gone.signal).then(note('second')),
      realEnv.sleep(1e12, gone.signal).then(note('ages')),
      realEnv.sleep(1e12, AbortSignal.abort()).then(note('at once')),
    ]
    await vi.advanceTimersByTimeAsync(999)
    expect(woken).toEqual(['at once'])
    await vi.advanceTimersByTimeAsync(1)
    expect(woken).toEqual(['at once', 'second'])
    gone.abort()
    await Promise.all(naps)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('has chance in [0, 1)', () => {
    const drawn = Array.from({ length: 1000 }, realEnv.random)
    expect(drawn.every(number => number >= 0 && number < 1)).toBe(true)
    expect(new Set(drawn).size).toBeGreaterThan(990)
  })

  test('is taken for what a caller leaves out, and a given fetch is called bare', async () => {
    const receivers: unknown[] = []
    const env = settleEnv({
      async fetch(this: unknown) {
        receivers.push(this)
        return new Response()
      },
    })
    await env.fetch('http://server/')
    expect(receivers).toEqual([undefined])
    expect(env.now).toBe(realEnv.now)
  })
})

describe('the memory of a world', () => {
  const keeps = (memory: Memory) => {
    memory.setItem('key', 'value')
    const kept = memory.getItem('key')
    memory.removeItem('key')
    return [kept, memory.getItem('key')]
  }

  test('is the tab’s own in a page, and outlives what settled it', () => {
    const kept = new Map<string, string>()
    const sessionStorage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    }
    vi.stubGlobal('location', { href: 'http://page/' })
    vi.stubGlobal('sessionStorage', sessionStorage)
    for (const { memory } of [settleEnv(), realEnv]) expect(keeps(memory)).toEqual(['value', null])
    settleEnv().memory.setItem('key', 'value')
    expect([settleEnv().memory.getItem('key'), kept.get('key')]).toEqual(['value', 'value'])
  })

  test.each(['throws', 'is null'])('is one’s own where that of the page %s', how => {
    vi.stubGlobal('location', { href: 'http://page/' })
    Object.defineProperty(globalThis, 'sessionStorage', {
      configurable: true,
      get: () => {
        if (how === 'throws') throw new DOMException('denied', 'SecurityError')
        return null
      },
    })
    try {
      expect(keeps(settleEnv().memory)).toEqual(['value', null])
      expect(keeps(realEnv.memory)).toEqual([null, null])
    } finally {
      Reflect.deleteProperty(globalThis, 'sessionStorage')
    }
  })

  test('is shared by nobody outside a page, also where there is something of the name', () => {
    vi.stubGlobal('sessionStorage', { getItem: () => 'of all' })
    const [one, other] = [settleEnv().memory, settleEnv().memory]
    expect(keeps(one)).toEqual(['value', null])
    one.setItem('key', 'mine')
    expect(other.getItem('key')).toBeNull()
    expect(settleEnv({ memory: one }).memory).toBe(one)
  })
})
