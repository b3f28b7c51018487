/** Appendix A of the Yjs protocol: its conformance tests by section. */
export const listed: Readonly<Record<string, readonly string[]>> = {
  'A.1.1 Snapshot Discovery': [
    'snapshot.discovery-new-doc',
    'snapshot.discovery-with-snapshot',
    'snapshot.discovery-cached',
    'snapshot.read',
    'snapshot.not-found',
    'snapshot.deleted-retry',
  ],
  'A.1.2 Document Operations': [
    'write.requires-put',
    'write.after-put',
    'write.returns-offset',
    'write.appends-to-stream',
    'write.rapid-batched-updates',
    'write.multiple-rapid-bursts',
    'updates.read-from-offset',
    'updates.read-from-beginning',
    'updates.live-long-poll',
    'updates.live-sse',
    'updates.live-timeout',
    'doc.path-with-slashes',
    'reconnect.pushes-local-changes',
    'reconnect.synced-means-persisted',
    'reconnect.no-write-when-current',
    'reconnect.local-state-before-first-connect',
  ],
  'A.1.3 Awareness': [
    'awareness.created-with-doc',
    'awareness.offset-now',
    'awareness.live-long-poll',
    'awareness.live-sse',
    'awareness.write',
    'awareness.broadcast',
    'awareness.ttl',
    'awareness.named-streams',
    'awareness.default-stream',
    'awareness.sse-control-events',
    'awareness.put-creates-stream',
    'awareness.put-idempotent',
    'awareness.put-requires-doc',
    'awareness.named-separate',
    'awareness.post-auto-creates',
    'awareness.post-ttl-recovery',
    'awareness.post-concurrent',
  ],
  'A.1.4 Compaction': [
    'compaction.triggers-at-threshold',
    'compaction.creates-snapshot-url',
    'compaction.updates-redirect',
    'compaction.stream-next-offset',
    'compaction.deletes-old-snapshot',
    'compaction.client-transparent',
    'compaction.configurable-threshold',
    'compaction.single-writer',
  ],
  'A.1.5 Method Validation': ['method.doc-rejects-patch', 'method.awareness-rejects-patch'],
  'A.1.6 Error Handling': [
    'error.invalid-request',
    'error.unauthorized',
    'error.snapshot-deleted',
    'error.offset-expired',
  ],
  'A.1.7 Document deletion': [
    'delete.doc-returns-204',
    'delete.doc-returns-404',
    'delete.doc-then-get-returns-404',
    'delete.doc-then-post-returns-404',
    'delete.doc-then-put-creates-fresh',
    'delete.doc-cascades-awareness',
    'delete.doc-cascades-snapshots',
    'delete.awareness-returns-204',
    'delete.awareness-returns-404',
    'delete.awareness-preserves-document',
    'delete.awareness-post-requires-document',
  ],
}

/**
 * In the published revisions of the text that know no PUT these stood where `write.requires-put`, `write.after-put` and
 * `awareness.created-with-doc` stand now. They are tested as far as they do not say the opposite.
 */
export const listedBefore: readonly string[] = ['write.creates-document', 'awareness.lazy-creation']

/** Section 5.11 is a MAY: subscriptions to snapshots of a service, which this server does not offer. */
export const optional: readonly string[] = [
  'snapshot-subscription.lifecycle',
  'snapshot-subscription.delivery',
  'snapshot-subscription.invalid-filter',
  'snapshot-subscription.service',
  'snapshot-subscription.proxy',
]
