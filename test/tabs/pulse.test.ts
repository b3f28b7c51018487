import { expect, test } from 'vitest'
import { answerWhenAwake } from '../../provider/tabs/awake.ts'
import { watch } from '../../provider/tabs/pulse.ts'
import { Chance } from '../sim/chance.ts'
import { Clock, Life } from '../sim/clock.ts'
import { SimulatedOrigin } from '../sim/origin.ts'

interface Leader {
  /** Whether it answers at this time, in milliseconds since the beginning. */
  answers(ms: number): boolean
}

/** How timers of the follower are held back: as they are, or to the next whole second or minute. */
const watching = (leader: Leader, { seed = 1, gridMs = 1 } = {}) => {
  const clock = new Clock()
  const life = new Life(clock)
  const chance = new Chance(seed)
  const asked: number[] = []
  const silent: number[] = []
  const stop = new AbortController()
  const parts = { skewMs: 0 }
  const pulse = watch({
    env: {
      now: () => clock.now() + parts.skewMs,
      random: chance.real,
      sleep: (ms, signal) =>
        life.sleep(Math.ceil((clock.elapsed + ms) / gridMs) * gridMs - clock.elapsed, signal),
    },
    signal: stop.signal,
    ask: () => {
      asked.push(clock.elapsed)
      if (leader.answers(clock.elapsed)) life.after(chance.whole(1, 10), () => pulse.heard())
    },
    onSilent: () => silent.push(clock.elapsed),
  })
  const pass = (ms: number) => clock.run(() => false, ms)
  return { clock, life, pulse, asked, silent, stop, parts, pass }
}

const always: Leader = { answers: () => true }
const until = (ms: number): Leader => ({ answers: now => now < ms })
const seeds = Array.from({ length: 100 }, (_, at) => at + 1)

test('[P1] the leader is asked every 400 to 500 ms, by chance', async () => {
  const { asked, pass } = watching(always)
  await pass(100_000)
  const waits = asked.slice(1).map((at, index) => at - (asked[index] ?? 0))
  expect(Math.min(...waits)).toBe(400)
  expect(Math.max(...waits)).toBe(500)
  expect(new Set(waits).size).toBeGreaterThan(50)
})

test('[P2] a leader that stops to answer is found silent 1.2 s to 1.7 s after its last answer', async () => {
  for (const seed of seeds) {
    const dies = 5_000 + seed * 7
    const { silent, pass } = watching(until(dies), { seed })
    await pass(dies + 2_000)
    expect(silent).toHaveLength(1)
    // Its last answer may be 500 ms older than the moment in which it died.
    expect(silent[0]).toBeGreaterThanOrEqual(dies + 700)
    expect(silent[0]).toBeLessThanOrEqual(dies + 1_700)
  }
})

test('[P3] silence is told once for each 1.2 s, as long as it lasts', async () => {
  const { silent, pass } = watching(until(0))
  await pass(12_000)
  expect(silent).toEqual(Array.from({ length: 10 }, (_, at) => (at + 1) * 1_200))
})

test('[P4] a clock that is set by hours, ahead or back, makes no leader silent, and hides no silence', async () => {
  for (const seed of seeds) {
    const chance = new Chance(seed)
    const living = watching(always, { seed })
    const dead = watching(until(10_000), { seed })
    for (let time = 0; time < 20_000; time += 1_000) {
      for (const { parts } of [living, dead]) parts.skewMs = chance.whole(-5, 5) * 3_600_000
      await Promise.all([living.pass(1_000), dead.pass(1_000)])
    }
    expect(living.silent).toEqual([])
    expect(dead.silent.length).toBeGreaterThan(0)
  }
})

test('[P5] who was frozen asks again before it judges, and waits the whole time', async () => {
  for (const seed of seeds) {
    const { life, clock, asked, silent, pass } = watching(until(3_000), { seed })
    await pass(3_000 + seed * 5)
    life.freeze()
    await pass(5_000)
    const thawed = clock.elapsed
    const before = asked.length
    life.thaw()
    await pass(1_199)
    expect(silent).toEqual([])
    expect(asked.length).toBeGreaterThanOrEqual(before + 2)
    await pass(2)
    expect(silent).toEqual([thawed + 1_200])
  }
})

test.each([
  { grid: 'second', gridMs: 1_000, mostMs: 7_000 },
  { grid: 'minute', gridMs: 60_000, mostMs: 420_000 },
])(
  '[P6] with timers once a $grid, as in hidden tabs, a dead leader is found silent, and no living one',
  async ({ gridMs, mostMs }) => {
    for (const seed of seeds.slice(0, 20)) {
      const dies = gridMs * 10 + seed
      const { silent, pass } = watching(until(dies), { seed, gridMs })
      await pass(dies)
      expect(silent).toEqual([])
      await pass(mostMs)
      expect(silent.length).toBeGreaterThanOrEqual(1)
    }
  },
)

test('[P7] who watches no more asks nothing and judges nobody', async () => {
  const { asked, silent, stop, pulse, pass } = watching(until(0))
  await pass(1_000)
  stop.abort()
  await pulse.over
  const before = asked.length
  await pass(60_000)
  expect([asked.length, silent]).toEqual([before, []])
})

/** A leader that is asked, and how often it answered. */
const answering = () => {
  const clock = new Clock()
  const life = new Life(clock)
  const origin = new SimulatedOrigin(clock, new Chance(1))
  const { locks } = origin.tab(life)
  const stop = new AbortController()
  const told = { answers: 0 }
  const awake = answerWhenAwake({
    locks,
    env: life,
    name: 'awake',
    signal: stop.signal,
    answer: () => {
      told.answers++
    },
  })
  return { clock, life, origin, locks, awake, told, stop, settle: () => clock.run(() => false, 1_000) }
}

test('[P8] a leader gives one answer to all who asked together, and another one to who asks later', async () => {
  const { awake, told, settle } = answering()
  for (let count = 0; count < 11; count++) awake.asked()
  expect(told.answers).toBe(0)
  await settle()
  expect(told.answers).toBe(1)
  awake.asked()
  await settle()
  expect(told.answers).toBe(2)
})

test('[P9] a frozen page that still gets its messages answers none of them before it is thawed', async () => {
  const { awake, told, life, settle } = answering()
  life.freeze('page')
  awake.asked()
  await settle()
  awake.asked()
  await settle()
  expect(told.answers).toBe(0)
  life.thaw()
  await settle()
  expect(told.answers).toBe(1)
})

test('[P10] who leads no more answers nobody, nor does a document without locks', async () => {
  const { awake, told, stop, settle } = answering()
  awake.asked()
  stop.abort()
  await settle()
  expect(told.answers).toBe(0)
  let answers = 0
  const none = answerWhenAwake({
    locks: { request: () => Promise.reject(new DOMException('It is going.', 'InvalidStateError')) },
    env: new Clock(),
    name: 'awake',
    signal: new AbortController().signal,
    answer: () => {
      answers++
    },
  })
  none.asked()
  await settle()
  expect(answers).toBe(0)
})

test('[P11] what was held back is answered after the news that another leads now', async () => {
  for (const frozenMs of [1_200, 60_000]) {
    const { clock, life, origin, locks, awake, told, settle } = answering()
    const leads = locks.request('leader', {}, () => new Promise(() => undefined))
    const lost = leads.catch(() => told.answers)
    await settle()
    life.freeze('page')
    awake.asked()
    await clock.run(() => false, frozenMs)
    const thief = origin.tab(new Life(clock))
    void thief.locks.request('leader', { steal: true }, () => new Promise(() => undefined))
    await settle()
    life.thaw()
    await settle()
    expect([await lost, told.answers]).toEqual([0, 1])
  }
})
