/** A process of its own that commits until its disk fails, and says how that went: see `failing-disk.test.ts`. */
import { type LmdbStore, openLmdbStore } from '../../server/store/lmdb.ts'
import type { Revision } from '../../server/store/store.ts'

export interface Filled {
  readonly acknowledged: number
  readonly readable: number
  /** `code` of what the failing commit, those after it and a removal met. */
  readonly codes: readonly (string | undefined)[]
  /** Whether the failure carried the system's error. */
  readonly caused: boolean
  readonly strays: number
}

const record = Buffer.alloc(4_000, 'x')

const fill = async (store: LmdbStore): Promise<Filled> => {
  let strays = 0
  process.on('unhandledRejection', () => strays++)
  const codes: (string | undefined)[] = []
  let caused = false
  const note = (error: Error & { code?: string }): undefined => {
    codes.push(error.code)
    caused ||= error.cause instanceof Error
  }
  let revision: Revision | 'stale' | undefined = await store.commit('a', undefined, { head: Buffer.alloc(0) })
  const append = (expected: Revision) =>
    store.commit('a', expected, { head: Buffer.alloc(0), appends: Array.from({ length: 20 }, () => record) })
  let last: Revision | undefined
  while (revision && revision !== 'stale') {
    last = revision
    revision = await append(revision).catch(note)
  }
  if (!last) throw new Error('not even the first commit succeeded')
  for (let again = 0; again < 3; again++) await append(last).catch(note)
  await store.remove('a', last).catch(note)
  const { tail = 0 } = (await store.load('a')) ?? {}
  let readable = 0
  for (let slice = await store.read(last.generation, 0, 1 << 20); slice.records.length > 0; ) {
    readable = slice.next
    slice = await store.read(last.generation, slice.next, 1 << 20)
  }
  await new Promise(resolve => setImmediate(resolve))
  await store.close()
  return { acknowledged: tail, readable, codes, caused, strays }
}

const [directory = ''] = process.argv.slice(2)
process.stdout.write(JSON.stringify(await fill(await openLmdbStore({ directory }))))
