import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import * as Y from 'yjs'
import { readTrace } from '../../bench/trace-file.ts'
import { edits, play, updatesOf } from '../protocol/edits.ts'

/** What a document went through: updates of real Yjs, each of which builds on those before it only. */
export interface Life {
  readonly updates: readonly Uint8Array[]
}

export interface Lives {
  readonly lives: readonly [Life, ...Life[]]
  /** Everything else Yjs makes of them: whole states, differences, merges with holes. */
  readonly leftovers: readonly [Uint8Array, ...Uint8Array[]]
}

/** Never changes: an execution is a function of its seed and index alone. */
const fixedSeed = 20_260_214
const scripts = 40
const traceLives = 12
const keystrokes = 40
const mostUpdates = 40
const trace = fileURLToPath(new URL('../traces/conc-friendsforever.json.gz', import.meta.url))

/** Slices of a text that two people really wrote, the page before each slice as one update. */
const typed = async (): Promise<Life[]> => {
  const { transactions } = await readTrace(trace)
  const lives: Life[] = []
  const page = new Y.Doc()
  let events: Uint8Array[] = []
  page.on('update', (update: Uint8Array) => events.push(update))
  const step = 600
  for (let index = 0; index < traceLives; index++) {
    page.clientID = [1, 130, 70_000, 3_000_000_000][index % 4] ?? 1
    for (const { patches } of transactions.slice(index * step, index * step + keystrokes)) {
      const text = page.getText('text')
      page.transact(() => {
        for (const [at, deleted, inserted] of patches) {
          const place = Math.min(at, text.length)
          if (deleted > 0) text.delete(place, Math.min(deleted, text.length - place))
          if (inserted !== '') text.insert(place, inserted)
        }
      })
    }
    lives.push({ updates: events.slice(0, mostUpdates) })
    events = [Y.encodeStateAsUpdate(page)]
  }
  return lives
}

const first = <T>(items: readonly T[]): [T, ...T[]] => {
  const [one, ...others] = items
  if (one === undefined) throw new Error('there are no updates to begin with')
  return [one, ...others]
}

export const readLives = async (): Promise<Lives> => {
  const played = fc.sample(edits, { seed: fixedSeed, numRuns: scripts }).map(play)
  const made = played.map(({ events }) => ({
    updates: events.filter(event => event.length > 2).slice(0, mostUpdates),
  }))
  const lives = [...made.filter(({ updates }) => updates.length > 0), ...(await typed())]
  return { lives: first(lives), leftovers: first(played.flatMap(updatesOf)) }
}
