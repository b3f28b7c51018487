/**
 * A process of its own that makes and deletes forks of each other over an LMDB store, ten at a time, until it is killed,
 * and tells its parent before and after each. Its only argument is the directory; the first source is there already.
 */
import { openLmdbStore } from '../../server/store/lmdb.ts'
import { Streams } from '../../server/streams/streams.ts'
import { realWorld } from '../../server/world.ts'
import { forking } from './fixture.ts'

export interface Told {
  readonly name: string
  readonly what: 'makes' | 'made' | 'removes' | 'removed'
}

const [directory = ''] = process.argv.slice(2)
const store = await openLmdbStore({ directory })
const streams = new Streams({ store, world: realWorld, readBytes: 1 << 20 })
/** Resolves when it is on its way, so that what is told is never older than what is done. */
const tell = (what: Told['what'], name: string): Promise<void> =>
  new Promise(resolve => {
    process.send?.({ what, name } satisfies Told, undefined, {}, () => resolve())
  })

const work = async (worker: number): Promise<void> => {
  for (let turn = 0; ; turn++) {
    const chain = Array.from({ length: 4 }, (_, depth) => `stream/${process.pid}/${worker}/${turn}/${depth}`)
    for (const [depth, name] of chain.entries()) {
      await tell('makes', name)
      const { kind } = await streams.fork(name, forking(chain[depth - 1] ?? 'stream/source'))
      if (kind !== 'created') throw new Error(`${name}: ${kind}`)
      await tell('made', name)
    }
    // Now and then one is left, and holds all the others.
    for (const name of turn % 3 ? chain : chain.slice(0, 3)) {
      await tell('removes', name)
      await streams.remove(name)
      await tell('removed', name)
    }
  }
}

await Promise.all(Array.from({ length: 10 }, (_, worker) => work(worker)))
