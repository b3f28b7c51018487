import type { RootDatabase, Transaction } from 'lmdb'
import { StoreFailure } from './failure.ts'

/**
 * One process to a directory, held by the kernel. LMDB keeps a table of readers in its lock file, and every process that
 * reads holds an advisory lock (`fcntl`) on the byte of its pid there; a check of the table asks the kernel who still
 * lives. So the guard is a read transaction that is taken only when no other process has one, decided inside LMDB's own
 * write transaction, of which there is one at a time among all processes: of two that open at once, or take over from a
 * killed one at once, exactly one gets it. Nothing is left behind to go stale, since the kernel drops the lock with the
 * process, and it holds across containers that share the directory, where process ids mean nothing.
 *
 * A second open within one process meets the same table, in any thread of it. Advisory locks go when their process
 * closes any handle of the file, so nothing in this process may open the lock file beside LMDB.
 * @throws StoreFailure `busy`, naming the process
 */
export const takeGuard = (root: RootDatabase, directory: string): Transaction => {
  let holders: readonly number[] = []
  const guard = root.transactionSync(() => {
    root.readerCheck() // strikes out those who died, also since LMDB was opened
    holders = readers(root)
    return holders.length === 0 ? root.useReadTransaction() : undefined
  })
  root.resetReadTxn() // lmdb-js ends its current transaction when a table is opened; this one is ours now
  if (!guard) throw new StoreFailure('busy', `process ${holders.join(', ')} has ${directory} open`)
  return guard
}

/** Process ids: the first column of every line but the heading. */
const readers = (root: RootDatabase): readonly number[] => [
  ...new Set(
    root
      .readerList()
      .split('\n')
      .map(line => Number.parseInt(line, 10))
      .filter(Number.isInteger),
  ),
]
