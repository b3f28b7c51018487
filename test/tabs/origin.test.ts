import { expect, test } from 'vitest'
import { Chance } from '../sim/chance.ts'
import { Clock, Life } from '../sim/clock.ts'
import { SimulatedOrigin } from '../sim/origin.ts'
import { fired } from './group.ts'
import { lockScenario, lockStory } from './lock-scenario.ts'

/** So many tabs of one origin. */
const world = (count: number, seed = 1) => {
  const clock = new Clock()
  const origin = new SimulatedOrigin(clock, new Chance(seed))
  const tabs = Array.from({ length: count }, () => {
    const life = new Life(clock)
    const { locks, openChannel } = origin.tab(life)
    const channel = openChannel('group')
    const heard: unknown[] = []
    channel.onmessage = ({ data }) => heard.push(data)
    return { life, locks, openChannel, channel, heard }
  })
  const pass = (ms: number) => clock.run(() => false, ms)
  const [one, two, three] = tabs
  if (!one || !two || !three) throw new Error('these tests take three tabs')
  return { clock, pass, one, two, three }
}

test('[O1] simulated locks do what those of a browser do', async () => {
  const { pass, one } = world(3)
  const story = lockScenario(one.locks)
  await pass(1_000)
  expect(await story).toEqual(lockStory)
})

test('[O2] the locks of a dead tab are free a moment later, and it is told nothing', async () => {
  const { pass, one, two } = world(3)
  const log: string[] = []
  const hold = (who: string) => async () => {
    log.push(`${who} holds`)
    await new Promise(() => undefined)
  }
  void one.locks.request('lock', {}, hold('one')).finally(() => log.push('one is told'))
  void one.locks.request('lock', {}, hold('one again')).finally(() => log.push('one is told'))
  void two.locks.request('lock', {}, hold('two'))
  await pass(10)
  one.life.end()
  await pass(10)
  void one.locks.request('other', {}, hold('a ghost'))
  await pass(10)
  expect(log).toEqual(['one holds', 'two holds'])
})

test('[O3] a frozen tab keeps its locks, and learns of the theft when it is thawed', async () => {
  const { pass, one, two } = world(3)
  const log: string[] = []
  one.locks
    .request('lock', {}, () => new Promise(() => undefined))
    .catch(error => log.push(`one: ${error.name}`))
  await pass(10)
  one.life.freeze()
  void two.locks.request('lock', {}, () => Promise.resolve(log.push('two waited')))
  await pass(1_000)
  expect(log).toEqual([])
  void two.locks.request('lock', { steal: true }, () => Promise.resolve(log.push('two stole')))
  await pass(1_000)
  expect(log).toEqual(['two stole', 'two waited'])
  one.life.thaw()
  await pass(10)
  expect(log).toEqual(['two stole', 'two waited', 'one: AbortError'])
})

test('[O4] a message reaches every other channel within 5 ms, in order, as a copy, and never its sender', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { pass, one, two, three } = world(3, seed)
    const message = { bytes: new Uint8Array([1, 2, 3]) }
    one.channel.postMessage(message)
    message.bytes[0] = 9
    for (let count = 0; count < 10; count++) one.channel.postMessage(count)
    expect(two.heard).toEqual([])
    await pass(5)
    const all = [{ bytes: new Uint8Array([1, 2, 3]) }, ...Array.from({ length: 10 }, (_, at) => at)]
    expect([one.heard, two.heard, three.heard]).toEqual([[], all, all])
    expect(two.heard[0]).not.toBe(three.heard[0])
  }
})

test('[O5] a channel hears nothing once it is closed, and says nothing', async () => {
  const { pass, one, two, three } = world(3)
  one.channel.postMessage('on its way')
  two.channel.close()
  await pass(10)
  expect([two.heard, three.heard]).toEqual([[], ['on its way']])
  expect(() => two.channel.postMessage('more')).toThrow('closed')
})

test('[O6] channels of other names, and those opened later, hear nothing of it', async () => {
  const { pass, one, two } = world(3)
  const other = two.openChannel('others')
  const heard: unknown[] = []
  other.onmessage = ({ data }) => heard.push(data)
  one.channel.postMessage('for the group')
  const late = two.openChannel('group')
  late.onmessage = ({ data }) => heard.push(data)
  await pass(10)
  expect([heard, two.heard]).toEqual([[], ['for the group']])
})

test('[O7] what a tab said before it died arrives, and nothing reaches the dead', async () => {
  const { pass, one, two, three } = world(3)
  one.channel.postMessage('farewell')
  one.life.end()
  three.life.end()
  one.channel.postMessage('from beyond')
  await pass(10)
  expect([one.heard, two.heard, three.heard]).toEqual([[], ['farewell'], []])
})

test('[O8] what a frozen process misses comes when it is thawed, in order; a frozen page misses no message', async () => {
  const { clock, pass, one, two, three } = world(3)
  two.life.freeze('process')
  three.life.freeze('page')
  for (const { life, heard } of [two, three]) life.after(50, () => heard.push(`timer at ${clock.elapsed}`))
  one.channel.postMessage('first')
  await pass(100)
  one.channel.postMessage('second')
  await pass(100)
  expect([two.heard, three.heard]).toEqual([[], ['first', 'second']])
  two.life.thaw()
  three.life.thaw()
  await pass(0)
  expect(two.heard).toEqual(['first', 'timer at 200', 'second'])
  expect(three.heard).toEqual(['first', 'second', 'timer at 200'])
})

test('[O9] a timer that is called off while its tab is frozen does not fire when it is thawed', async () => {
  const { pass, one } = world(3)
  const stop = new AbortController()
  let rang = false
  const cancel = one.life.after(10, () => {
    rang = true
  })
  const slept = one.life.sleep(10, stop.signal)
  one.life.freeze()
  await pass(100)
  cancel()
  stop.abort()
  await slept
  one.life.thaw()
  await pass(100)
  expect([rang, one.life.pending]).toEqual([false, 0])
})

test('[O10] a tab that waits with a signal gives up its place at once', async () => {
  const { pass, one, two, three } = world(3)
  const leave = new AbortController()
  const bored = new AbortController()
  const log: string[] = []
  void one.locks.request('lock', {}, () => fired(leave.signal))
  two.locks
    .request('lock', { signal: bored.signal }, () => Promise.resolve())
    .catch(() => log.push('two left'))
  void three.locks.request('lock', {}, () => Promise.resolve(log.push('three holds')))
  await pass(10)
  bored.abort()
  await pass(0)
  expect(log).toEqual(['two left'])
  leave.abort()
  await pass(10)
  expect(log).toEqual(['two left', 'three holds'])
})
