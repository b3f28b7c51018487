import { expect } from 'vitest'
import { baseOf, partsOf } from '../../server/rules/parts.ts'
import type { StreamState } from '../../server/rules/state.ts'
import type { Store } from '../../server/store/store.ts'
import { decodeState } from '../../server/streams/record.ts'

/** Every entry of a store whose name begins with `prefix`, those included that nobody may ask for any more. */
export const entriesOf = async (store: Store, prefix = ''): Promise<ReadonlyMap<string, StreamState>> => {
  const states = new Map<string, StreamState>()
  for (const name of await store.list(prefix, undefined, 10_000)) {
    const entry = await store.load(name)
    if (entry) states.set(name, decodeState(entry))
  }
  return states
}

/** What must be so at every moment, also between the commits of one command: counts are exact, and nothing dangles. */
export const checkLineage = async (store: Store, prefix = ''): Promise<void> => {
  const states = await entriesOf(store, prefix)
  const generations = new Map([...states.values()].map(state => [state.generation, state]))
  for (const [name, { generation, refs }] of states) {
    const forks = [...states.values()].filter(({ origin }) => origin?.source === name)
    expect(forks.every(({ origin }) => origin?.generation === generation)).toBe(true)
    expect({ name, refs }).toEqual({ name, refs: forks.length })
  }
  for (const { generation, origin, ...state } of states.values()) {
    if (origin) expect(generations.has(origin.generation)).toBe(true)
    for (const part of partsOf({ ...state, generation, origin })) {
      const owner = generations.get(part.generation)
      expect(owner && baseOf(owner)).toBe(part.base)
      expect(owner?.tail).toBeGreaterThanOrEqual(part.to)
    }
  }
}
