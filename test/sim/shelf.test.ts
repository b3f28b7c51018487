import { test } from 'vitest'
import type { OpenLocalStore } from '../../provider/local/local-store.ts'
import { localStoreContract } from '../contract/local-store.ts'
import { Chance } from './chance.ts'
import { Clock, Life } from './clock.ts'
import { Shelf } from './shelf.ts'

const chance = new Chance(1)
const clock = new Clock()
const shelves = new Map<string, Shelf>()

const shelfOf = (name: string): Shelf => {
  const shelf = shelves.get(name) ?? new Shelf({ readMs: 5, writeMs: 20, mostUpdates: 100 })
  shelves.set(name, shelf)
  return shelf
}

const open: OpenLocalStore = parts => shelfOf(parts.name).opener(new Life(clock), clock, chance)(parts)

const ground = {
  open,
  breakIt: async (name: string) => shelfOf(name).evict(),
  corrupt: async (name: string) => shelfOf(name).spoil(),
  count: async (name: string) => shelfOf(name).updates.length,
}

/** Lets the clock run until `work` is done. */
const inItsTime = async (work: Promise<void>): Promise<void> => {
  let over = false
  const end = () => {
    over = true
  }
  work.then(end, end)
  while (!over) await clock.run(() => over, 1_000)
  await work
}

for (const { name, run } of localStoreContract(ground)) test(name, () => inItsTime(run()))
