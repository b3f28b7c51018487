import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ContentType } from '../../protocol/index.ts'
import { dueAt, firstDeadline, isExpired, isOver, touchedDeadline } from '../../server/rules/expiry.ts'
import type { StreamConfig } from '../../server/rules/state.ts'
import { streamState } from './states.ts'

const contentType = ContentType.binary
const now = 1_000_000

test.each<[Partial<StreamConfig>, number | undefined]>([
  [{}, undefined],
  [{ ttlSeconds: 0 }, now],
  [{ ttlSeconds: 60 }, now + 60_000],
  [{ expiresAt: now - 5 }, now - 5],
  [{ expiresAt: now + 5 }, now + 5],
])('[E1] created now with %j, a stream ends at %s', (config, deadline) => {
  expect(firstDeadline({ contentType, ...config }, now)).toBe(deadline)
})

test('[E2] a stream is over from its deadline on, not before; without one it never is', () => {
  expect(isExpired({ deadline: now }, now - 1)).toBe(false)
  expect(isExpired({ deadline: now }, now)).toBe(true)
  expect(isExpired({ deadline: now }, now + 1)).toBe(true)
  expect(isExpired({}, Number.MAX_SAFE_INTEGER)).toBe(false)
})

test('[E2] a window of 0 seconds, or an end in the past, is over at once', () => {
  for (const config of [{ ttlSeconds: 0 }, { expiresAt: now - 1 }, { expiresAt: now }]) {
    expect(isExpired({ deadline: firstDeadline({ contentType, ...config }, now) }, now)).toBe(true)
  }
})

test('[E5] an absolute end never moves, and what never ends still never does', () => {
  const absolute = streamState({ config: { contentType, expiresAt: now + 10 }, deadline: now + 10 })
  expect(touchedDeadline(absolute, now + 9)).toBe(now + 10)
  expect(touchedDeadline(streamState(), now)).toBeUndefined()
})

test('[E6] a deleted stream is over once no fork holds it, whatever its time; any other when its time is over', () => {
  for (const deadline of [undefined, now, now + 1]) {
    expect(isOver({ deadline, deleted: true, refs: 1 }, now)).toBe(false)
    expect(isOver({ deadline, deleted: true, refs: 0 }, now)).toBe(true)
    for (const refs of [0, 1]) expect(isOver({ deadline, deleted: false, refs }, now)).toBe(deadline === now)
  }
})

test.each([
  [{ deleted: false, refs: 0 }, null],
  [{ deleted: false, refs: 2, deadline: 5 }, 5],
  [{ deleted: true, refs: 2, deadline: 5 }, null],
  [{ deleted: true, refs: 0, deadline: 5 }, 0],
  [{ deleted: true, refs: 0 }, 0],
])('[E7] of %j is to be looked at: %s', (state, due) => {
  expect(dueAt(state)).toBe(due)
})

describe('a sliding window', () => {
  const uses = fc.record({
    ttlSeconds: fc.oneof(fc.nat(5), fc.nat(1_000), fc.nat(10_000_000)),
    waits: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 }),
  })

  /** Uses a stream again and again, each time after a share of its window. */
  const live = (
    { ttlSeconds, waits }: { ttlSeconds: number; waits: readonly number[] },
    each: (deadline: number, time: number, before: number) => void,
  ) => {
    const config = { contentType, ttlSeconds }
    let time = now
    let deadline = firstDeadline(config, now) ?? 0
    for (const wait of waits) {
      time += Math.floor(wait * ttlSeconds * 1000)
      if (isExpired({ deadline }, time)) return
      const before = deadline
      deadline = touchedDeadline(streamState({ config, deadline }), time) ?? 0
      each(deadline, time, before)
    }
  }

  test('[E3] after any use lasts at least the whole window again, and never gets shorter', () => {
    fc.assert(
      fc.property(uses, run =>
        live(run, (deadline, time, before) => {
          expect(deadline).toBeGreaterThanOrEqual(time + run.ttlSeconds * 1000)
          expect(deadline).toBeGreaterThanOrEqual(before)
        }),
      ),
    )
  })

  test('[E4] lasts too long by an eighth of the window at most, and never by more than a minute', () => {
    fc.assert(
      fc.property(uses, run =>
        live(run, (deadline, time) => {
          const tooLong = deadline - (time + run.ttlSeconds * 1000)
          expect(tooLong).toBeLessThanOrEqual(Math.min(60_000, (run.ttlSeconds * 1000) / 8))
        }),
      ),
    )
  })

  test('[E4] used all the time, moves its deadline once per slack and not at every use', () => {
    let writes = 0
    const run = { ttlSeconds: 80, waits: Array.from({ length: 1_000 }, () => 0.001) } // every 80 ms for 80 s
    live(run, (deadline, _time, before) => {
      if (deadline !== before) writes++
    })
    expect(writes).toBeGreaterThanOrEqual(7)
    expect(writes).toBeLessThanOrEqual(9)
  })

  test('[E3] of 0 seconds stays over', () => {
    const state = streamState({ config: { contentType, ttlSeconds: 0 }, deadline: now })
    expect(touchedDeadline(state, now)).toBe(now)
  })
})
