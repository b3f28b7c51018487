import { expect, test } from 'vitest'
import { freezes } from '../sim/clock.ts'
import { Group, type Tab } from './group.ts'

const seeds = Array.from({ length: 10 }, (_, at) => at + 1)

/** So many tabs, of which the first leads. */
const settled = async (
  count: number,
  seed?: number,
): Promise<{ group: Group; tabs: readonly [Tab, ...Tab[]] }> => {
  const group = new Group(seed)
  const [first, ...others] = group.open(count)
  await group.pass(3_000)
  if (!first) throw new Error('a group has at least one tab')
  expect(group.leaders).toEqual(['tab 1'])
  return { group, tabs: [first, ...others] }
}

test('[G1] of two tabs the first leads, and the second does once the first is closed', async () => {
  const { group, tabs } = await settled(2)
  tabs[0].close()
  expect((await group.handOver('tab 1')).ms).toBeLessThanOrEqual(10)
  expect(group.log).toEqual(['tab 1 leads', 'tab 1 ends', 'tab 2 leads'])
})

test('[G2] the second of two tabs leads within milliseconds after the first was killed', async () => {
  for (const seed of seeds) {
    const { group, tabs } = await settled(2, seed)
    tabs[0].kill()
    expect((await group.handOver('tab 1')).ms).toBeLessThanOrEqual(10)
    expect(group.log).toEqual(['tab 1 leads', 'tab 1 is killed', 'tab 2 leads'])
  }
})

test('[G3] twelve tabs lead one after another in the order they came, whether closed or killed', async () => {
  const { group, tabs } = await settled(12)
  for (const [at, tab] of tabs.entries()) {
    expect(group.leaders).toEqual([tab.name])
    if (at % 2 === 0) tab.close()
    else tab.kill()
    if (at < 11) await group.handOver(tab.name)
  }
  expect(group.log.filter(line => line.endsWith('leads'))).toEqual(tabs.map(({ name }) => `${name} leads`))
  expect(group.wrong).toEqual([])
})

test('[G4] a leader that answers is left alone, whatever the clocks of its followers show', async () => {
  const { group, tabs } = await settled(4)
  for (let minute = 0; minute < 20; minute++) {
    for (const tab of tabs) tab.skewMs = group.chance.whole(-2, 2) * 3_600_000
    await group.pass(group.chance.whole(0, 20_000))
  }
  expect(group.log).toEqual(['tab 1 leads'])
  expect(tabs.map(({ silences }) => silences)).toEqual([0, 0, 0, 0])
})

test.each(freezes)(
  '[G5] with its %s frozen a leader is deposed within 1.8 s, by one of two tabs as by one of twelve',
  async what => {
    for (const seed of seeds) {
      for (const count of [2, 12]) {
        const { group, tabs } = await settled(count, seed)
        await group.pass(group.chance.whole(0, 1_000))
        tabs[0].freeze(what)
        const { ms, leader } = await group.handOver('tab 1')
        expect(ms).toBeLessThanOrEqual(1_800)
        await group.pass(10_000)
        // Who took it within the same milliseconds as somebody else may lose it at once, but then there is peace.
        expect(group.log.length).toBeLessThanOrEqual(7)
        expect(group.leaders).toHaveLength(1)
        expect(count === 2 ? group.leaders : [leader]).toEqual([leader])
        expect(group.wrong).toEqual([])
      }
    }
  },
)

test.each(freezes)(
  '[G6] a leader whose %s is thawed learns that it was deposed, and leads again after all others are gone',
  async what => {
    const { group, tabs } = await settled(3)
    const [first, ...others] = tabs
    first.freeze(what)
    await group.handOver('tab 1')
    await group.pass(60_000)
    const led = group.log.length
    first.thaw()
    await group.pass(60_000)
    expect(group.log.slice(led)).toEqual(['tab 1 is thawed', 'tab 1 ends'])
    for (const tab of others) tab.kill()
    await group.pass(5_000)
    expect(group.leaders).toEqual(['tab 1'])
    expect(group.wrong).toEqual([])
  },
)

test.each(freezes)('[G7] a leader whose %s is thawed before it was missed goes on', async what => {
  for (const seed of seeds) {
    const { group, tabs } = await settled(3, seed)
    tabs[0].freeze(what)
    await group.pass(1_000)
    tabs[0].thaw()
    await group.pass(10_000)
    expect(group.log).toEqual(['tab 1 leads', 'tab 1 is frozen', 'tab 1 is thawed'])
  }
})

test('[G8] a follower that was frozen itself does not blame its leader', async () => {
  for (const seed of seeds) {
    const { group, tabs } = await settled(3, seed)
    for (const frozenMs of [300, 700, 1_300, 60_000]) {
      tabs[1]?.freeze()
      await group.pass(frozenMs)
      tabs[1]?.thaw()
      await group.pass(group.chance.whole(1, 3_000))
    }
    expect(tabs.map(({ silences }) => silences)).toEqual([0, 0, 0])
  }
})

test('[G9] after all were frozen, as in a computer that slept, the leader is still the same', async () => {
  for (const seed of seeds) {
    const { group, tabs } = await settled(12, seed)
    for (const tab of tabs) tab.life.freeze()
    await group.pass(8 * 3_600_000)
    for (const tab of tabs) tab.life.thaw()
    await group.pass(10_000)
    expect(group.log).toEqual(['tab 1 leads'])
  }
})

test('[G10] a frozen follower that is next in the queue keeps the lock from nobody for long', async () => {
  const { group, tabs } = await settled(3)
  tabs[1]?.freeze()
  tabs[0].kill()
  const { ms, leader } = await group.handOver('tab 1')
  expect(leader).toBe('tab 3')
  expect(ms).toBeLessThanOrEqual(1_800)
  tabs[1]?.thaw()
  await group.pass(10_000)
  expect(group.leaders).toEqual(['tab 3'])
})

test('[G11] two that depose in the same moment end with one leader and one that waits', async () => {
  for (const seed of seeds) {
    const { group, tabs } = await settled(3, seed)
    const [, second, third] = tabs
    tabs[0].freeze()
    second?.election.depose()
    third?.election.depose()
    await group.pass(1_000)
    expect(group.leaders).toEqual(['tab 3'])
    third?.kill()
    await group.handOver('tab 3')
    expect(group.leaders).toEqual(['tab 2'])
    expect(group.wrong).toEqual([])
  }
})

test('[G12] whatever happens to twelve tabs, somebody who can act leads within two seconds, and never two', async () => {
  for (const seed of seeds) {
    const { group, tabs } = await settled(12, seed)
    const { chance } = group
    for (let round = 0; round < 20; round++) {
      const tab = chance.oneOf(tabs)
      if (!tab.life.over) {
        if (tab.life.frozen) tab.thaw()
        else
          chance.oneOf([
            () => tab.freeze(),
            () => tab.kill(),
            () => tab.close(),
            () => tab.election.depose(),
          ])()
      }
      const able = () => group.tabs.filter(({ acts, closed }) => acts && !closed).length
      if (able() < 2) group.open(2)
      await group.pass(chance.whole(0, 500))
      // Of those that could take over at least one was prompt all along.
      expect(await group.pass(1_800, () => group.leaders.length === 1)).toBe(true)
    }
    expect(group.wrong).toEqual([])
  }
})
