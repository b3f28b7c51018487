import { describe, expect, test } from 'vitest'
import { settleEnv } from '../../client/index.ts'
import { encodeAwareness, encodeFrames } from '../../protocol/index.ts'
import { Attendance } from '../../provider/presence/attendance.ts'
import { Fitting } from '../../provider/presence/fitting.ts'
import { lastWords } from '../../provider/presence/incoming.ts'
import { limits } from '../../provider/presence/limits.ts'
import { SteadyClock } from '../../provider/presence/steady-clock.ts'
import { entry, presenceOf } from '../yjs/presence-fixture.ts'

describe('The steady clock', () => {
  const steps: readonly (readonly [string, number, number])[] = [
    ['goes by the wall clock', 3_000, 3_000],
    ['counts a leap ahead, or a sleep, as a moment', 3_600_000, limits.lapseMs],
    ['never goes back', -3_600_000, limits.lapseMs],
    ['counts a small correction as much time', -200, 200],
    ['stands while the wall clock does', 0, 0],
  ]
  test.each(steps)('%s', (_, moved, passed) => {
    let now = 1_000_000
    const clock = new SteadyClock(settleEnv({ now: () => now }))
    now += moved
    expect(clock.read()).toBe(passed)
    now += 1_000
    expect(clock.read()).toBe(passed + 1_000)
  })
})

describe('The attendance', () => {
  const here = () => {
    const attendance = new Attendance()
    attendance.hear(1, 0)
    attendance.hear(2, 10_000)
    return attendance
  }
  const nobody = { gone: [], missing: [], forgotten: [] }

  test('has nothing to do before somebody was silent for too long', () => {
    const attendance = here()
    expect(attendance.due(limits.goneMs - 1)).toEqual(nobody)
    expect(attendance.next(0)).toBe(limits.goneMs)
    expect(attendance.due(limits.goneMs)).toEqual({ ...nobody, gone: [1] })
    expect(attendance.due(limits.goneMs + 10_000)).toEqual({ ...nobody, gone: [1, 2] })
  })

  test('gives a suspect a moment, which a word ends', () => {
    const attendance = here()
    for (const client of [1, 2, 3]) attendance.suspect(client, 12_000)
    attendance.hear(1, 13_000)
    expect(attendance.next(13_000)).toBe(limits.graceMs - 1_000)
    expect(attendance.due(12_000 + limits.graceMs - 1)).toEqual(nobody)
    expect(attendance.due(12_000 + limits.graceMs)).toEqual({ ...nobody, missing: [2] })
  })

  test('[PR20] counts from when the last word was said, if that is told: never later than it came', () => {
    const attendance = here()
    attendance.date(2, 7_000)
    attendance.date(1, 3_000)
    attendance.date(3, 0)
    expect(attendance.clients).toEqual([1, 2])
    expect(attendance.due(limits.goneMs + 6_999).gone).toEqual([1])
    expect(attendance.due(limits.goneMs + 7_000).gone).toEqual([1, 2])
  })

  test('remembers who left for a minute, unless they come back', () => {
    const attendance = here()
    attendance.leave(1, 20_000)
    attendance.leave(2, 20_000)
    attendance.hear(2, 30_000)
    attendance.leave(2, 31_000)
    expect(attendance.clients).toEqual([])
    expect(attendance.due(20_000 + limits.forgetMs)).toEqual({ ...nobody, forgotten: [1] })
    attendance.forget(1)
    expect(attendance.next(31_000)).toBe(limits.forgetMs)
    attendance.forget(2)
    expect(attendance.next(31_000)).toBeUndefined()
  })
})

describe('The last words', () => {
  test('are the latest of each client in all frames, and of equal ones the leave', () => {
    const bytes = new Uint8Array([
      ...presenceOf(entry(1, 2, 'late'), entry(2, 1, 'here'), entry(2, 1, null)),
      ...presenceOf(entry(1, 1, 'early'), entry(2, 1, 'here'), entry(3, 0, 'new')),
    ])
    expect([...lastWords(bytes).values()]).toEqual([
      { ...entry(1, 2, 'late'), ageMs: 0 },
      { ...entry(2, 1, null), ageMs: 0 },
      { ...entry(3, 0, 'new'), ageMs: 0 },
    ])
  })

  test('[PR20] are as old as the frame they are in, readable or not, if there is an age for each', () => {
    const bytes = encodeFrames([
      encodeAwareness([entry(1, 1), entry(2, 1)]),
      new Uint8Array([9, 9]),
      encodeAwareness([entry(3, 1), entry(1, 2)]),
    ])
    const agesIn = (ages?: string | null) =>
      [...lastWords(bytes, ages).values()].map(({ client, ageMs }) => [client, ageMs])
    expect(agesIn('1, 20, 7')).toEqual([
      [1, 7_000],
      [2, 1_000],
      [3, 7_000],
    ])
    for (const ages of [undefined, null, '', '1, 7', '1, 20, 7, 7', '1, x, 7'])
      expect(agesIn(ages).map(([, ageMs]) => ageMs)).toEqual([0, 0, 0])
  })

  test('are those of the frames that can be read; of bytes that are no frames there are none', () => {
    const good = encodeAwareness([entry(1, 1)])
    expect([...lastWords(encodeFrames([new Uint8Array([9, 9]), good])).keys()]).toEqual([1])
    expect(lastWords(new Uint8Array([...encodeFrames([good]), 200])).size).toBe(0)
  })
})

describe('What fits', () => {
  test('is told of once, also while the last state that did is sent again in its place', () => {
    const told: unknown[] = []
    const fitting = new Fitting((client, chars) => told.push([client, chars]))
    const large = 'x'.repeat(100)
    expect(fitting.textFor(1, { at: 1 })).toBe('{"at":1}')
    fitting.took(1, '{"at":1}')
    fitting.refused(1, JSON.stringify({ large }), undefined)
    for (let round = 0; round < 3; round++) {
      expect(fitting.textFor(1, { large })).toBe('{"at":1}')
      fitting.took(1, '{"at":1}')
    }
    expect(told).toEqual([[1, 112]])
    expect(fitting.textFor(1, { at: 1 })).toBe('{"at":1}')
    expect(fitting.textFor(1, { large })).toBe('{"at":1}')
    expect(told).toHaveLength(2)
    fitting.tryAll()
    expect(fitting.textFor(1, { large })).toBe(JSON.stringify({ large }))
    fitting.forget(1)
    fitting.refused(1, JSON.stringify({ large }), undefined)
    expect(fitting.textFor(1, { large })).toBeUndefined()
  })
})
