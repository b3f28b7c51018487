import { describe } from 'vitest'
import { awarenessTests } from './awareness.ts'
import { compactionTests } from './compaction.ts'
import { deletionTests } from './deletion.ts'
import { updateTests, writeTests } from './documents.ts'
import { errorTests } from './errors.ts'
import { reconnectTests } from './reconnect.ts'
import { snapshotSubscriptionTests } from './snapshot-subscriptions.ts'
import { snapshotTests } from './snapshots.ts'
import type { Targeted } from './target.ts'

/** Appendix A of the Yjs protocol against any server, from outside. */
export const runYjsConformanceTests = (target: Targeted): void => {
  describe('Snapshot Discovery', () => snapshotTests(target))
  describe('Document Operations', () => {
    writeTests(target)
    updateTests(target)
    reconnectTests(target)
  })
  describe('Awareness', () => awarenessTests(target))
  describe('Compaction', () => compactionTests(target))
  describe('Errors', () => errorTests(target))
  describe('Document deletion', () => deletionTests(target))
  describe('Snapshot subscriptions', () => snapshotSubscriptionTests(target))
}
