/**
 * A process of its own with a store, told by messages what to do: `open` a directory, `commit` for ever, `close`,
 * `exit` without closing. Answers every message but the last.
 */
import { type LmdbStore, openLmdbStore } from '../../server/store/lmdb.ts'
import type { HolderAnswer, HolderOrder } from './holder-words.ts'

let store: LmdbStore | undefined

const obey = async (order: HolderOrder): Promise<HolderAnswer> => {
  switch (order.do) {
    case 'open':
      store = await openLmdbStore({ directory: order.directory })
      return { ok: true }
    case 'commit':
      for (let writer = 0; writer < 20; writer++)
        void commitForEver(`writer ${writer}`).catch(() => undefined)
      return { ok: true }
    case 'close':
      await store?.close()
      return { ok: true }
    case 'exit':
      process.exit(0)
  }
}

const commitForEver = async (name: string): Promise<void> => {
  let revision = await store?.commit(name, undefined, { head: Buffer.from('0') })
  for (let turn = 1; revision !== undefined && revision !== 'stale'; turn++) {
    const head = Buffer.from(String(turn))
    revision = await store?.commit(name, revision, { head, appends: [Buffer.alloc(500, 'x')] })
    process.send?.({ ok: true, committed: { name, turn } } satisfies HolderAnswer)
  }
}

process.on('message', (order: HolderOrder) => {
  void obey(order)
    .catch((error: Error & { code?: string }): HolderAnswer => {
      return { ok: false, code: error.code, message: error.message }
    })
    .then(answer => process.send?.(answer))
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ok: true } satisfies HolderAnswer)
