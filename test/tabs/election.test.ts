import { expect, test } from 'vitest'
import { Election } from '../../provider/tabs/election.ts'
import type { Locks } from '../../provider/tabs/origin.ts'
import { Chance } from '../sim/chance.ts'
import { Clock, Life } from '../sim/clock.ts'
import { SimulatedOrigin } from '../sim/origin.ts'
import { fired } from './group.ts'

const name = 'leader'

/** Two tabs' locks, and a clock that runs until everything rests. */
const world = () => {
  const clock = new Clock()
  const origin = new SimulatedOrigin(clock, new Chance(1))
  const settle = () => clock.run(() => false, 1_000)
  return { settle, one: origin.tab(new Life(clock)).locks, two: origin.tab(new Life(clock)).locks }
}

/** One that takes part, and what became of it. */
const candidate = (locks: Locks, lead?: (reign: AbortSignal) => Promise<void>) => {
  const election = new Election({ locks, name })
  const stop = new AbortController()
  const log: string[] = []
  const run = election
    .run(stop.signal, async reign => {
      log.push('leads')
      await (lead ?? fired)(reign)
      log.push(reign.aborted ? 'deposed' : 'abdicates')
    })
    .then(
      () => log.push('over'),
      error => log.push(`failed: ${error}`),
    )
  return { election, stop, log, run }
}

test('[E1] a candidate that stops while it waits never leads, and the one behind it does', async () => {
  const { settle, one, two } = world()
  const first = candidate(one)
  await settle()
  const second = candidate(two)
  const third = candidate(two)
  await settle()
  second.stop.abort()
  first.stop.abort()
  await settle()
  expect(first.log).toEqual(['leads', 'deposed', 'over'])
  expect(second.log).toEqual(['over'])
  expect(third.log).toEqual(['leads'])
})

test('[E2] a candidate whose signal fired before it began does not ask for the lock', async () => {
  const { settle, one } = world()
  const stop = new AbortController()
  stop.abort()
  await new Election({ locks: one, name }).run(stop.signal, () => Promise.reject(new Error('led')))
  const next = candidate(one)
  await settle()
  expect(next.log).toEqual(['leads'])
})

test('[E3] a lock granted in the moment in which its candidate stops goes on to the next', async () => {
  const { settle, one, two } = world()
  const first = candidate(one)
  const second = candidate(two)
  first.stop.abort()
  await settle()
  expect([first.log, second.log]).toEqual([['over'], ['leads']])
})

test('[E4] who has nothing more to lead gives the lock back and is out of the election', async () => {
  const { settle, one, two } = world()
  const first = candidate(one, () => Promise.resolve())
  const second = candidate(two)
  await settle()
  expect([first.log, second.log]).toEqual([['leads', 'abdicates', 'over'], ['leads']])
})

test('[E5] what leading throws comes out of the election, and the lock is free', async () => {
  const { settle, one, two } = world()
  const first = candidate(one, () => Promise.reject(new Error('on purpose')))
  const second = candidate(two)
  await settle()
  expect([first.log, second.log]).toEqual([['leads', 'failed: Error: on purpose'], ['leads']])
})

test('[E6] what leading throws after it was deposed comes out as well', async () => {
  const { settle, one, two } = world()
  const first = candidate(one, async reign => {
    await fired(reign)
    throw new Error('on purpose')
  })
  await settle()
  const second = candidate(two)
  second.election.depose()
  await settle()
  expect([first.log, second.log]).toEqual([['leads', 'failed: Error: on purpose'], ['leads']])
})

test('[E7] a deposed leader waits for the lock again, but not before it has ended its reign', async () => {
  const { settle, one, two } = world()
  let end: () => void = () => undefined
  const first = candidate(one, async reign => {
    await fired(reign)
    await new Promise<void>(resolve => {
      end = resolve
    })
  })
  await settle()
  const second = candidate(two)
  second.election.depose()
  await settle()
  second.stop.abort()
  await settle()
  expect([first.log, second.log]).toEqual([['leads'], ['leads', 'deposed', 'over']])
  end()
  await settle()
  expect(first.log).toEqual(['leads', 'deposed', 'leads'])
})

test('[E8] a leader that deposes stays what it is', async () => {
  const { settle, one } = world()
  const first = candidate(one)
  await settle()
  first.election.depose()
  await settle()
  expect(first.log).toEqual(['leads'])
})

test('[E9] deposing twice takes the lock once', async () => {
  const { settle, one, two } = world()
  const first = candidate(one)
  const second = candidate(two)
  await settle()
  second.election.depose()
  second.election.depose()
  await settle()
  expect([first.log, second.log]).toEqual([['leads', 'deposed'], ['leads']])
})

test('[E10] who was deposed while it still ends its reign can take the lock back', async () => {
  const { settle, one, two } = world()
  const reigns: AbortSignal[] = []
  const first = candidate(one, async reign => {
    reigns.push(reign)
    await fired(reign)
    first.election.depose()
  })
  await settle()
  const second = candidate(two)
  second.election.depose()
  await settle()
  expect(first.log).toEqual(['leads', 'deposed', 'leads'])
  expect(second.log).toEqual(['leads', 'deposed'])
  expect(reigns.map(({ aborted }) => aborted)).toEqual([true, false])
})

test('[E11] who stops in the moment in which it deposes does not lead, and the lock is free', async () => {
  const { settle, one, two } = world()
  const first = candidate(one)
  const second = candidate(two)
  await settle()
  second.election.depose()
  second.stop.abort()
  await settle()
  expect(second.log).toEqual(['over'])
  expect(first.log[0]).toBe('leads')
  const third = candidate(two)
  first.stop.abort()
  await settle()
  expect(third.log).toEqual(['leads'])
})

test('[E12] the same election can be run again', async () => {
  const { settle, one } = world()
  const { election, stop, run } = candidate(one)
  await settle()
  stop.abort()
  await settle()
  await run
  const again = new AbortController()
  let leads = false
  const second = election.run(again.signal, reign => {
    leads = true
    return fired(reign)
  })
  await settle()
  expect(leads).toBe(true)
  again.abort()
  await settle()
  await second
})

/** Locks of a document that has none. */
const refusing = (problem: string): Locks => ({
  request: () => Promise.reject(new DOMException('There are no locks here.', problem)),
})

test.each(['SecurityError', 'InvalidStateError'])(
  '[E13] where asking for a lock is a %s a tab leads alone',
  async problem => {
    const only = candidate(refusing(problem))
    await new Promise(resolve => setImmediate(resolve))
    only.election.depose()
    expect(only.log).toEqual(['leads'])
    only.stop.abort()
    await only.run
    expect(only.log).toEqual(['leads', 'deposed', 'over'])
  },
)

test('[E14] who leads alone and has nothing more to lead is out of the election', async () => {
  const only = candidate(refusing('SecurityError'), () => Promise.resolve())
  await only.run
  expect(only.log).toEqual(['leads', 'abdicates', 'over'])
})

test('[E15] a lock that was lost again before its tab heard that it had it is asked for again', async () => {
  const grants: ((lock: unknown) => Promise<unknown>)[] = []
  const rejects: ((error: unknown) => void)[] = []
  const locks: Locks = {
    request: (_name, _options, held) =>
      new Promise((resolve, reject) => {
        grants.push(async lock => resolve(await held(lock)))
        rejects.push(reject)
      }),
  }
  const only = candidate(locks)
  rejects[0]?.(new DOMException('The lock was stolen.', 'AbortError'))
  await new Promise(resolve => setImmediate(resolve))
  await grants[0]?.({})
  expect(only.log).toEqual([])
  const led = grants[1]?.({})
  expect(only.log).toEqual(['leads'])
  only.stop.abort()
  await led
  await only.run
  expect(only.log).toEqual(['leads', 'deposed', 'over'])
})
