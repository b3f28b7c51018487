import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { ContentType, encodeFrames, Path } from '../../protocol/index.ts'
import { serve } from './launch.ts'

/** A document whose compaction needs far more memory than its bytes. */
const large = (): Uint8Array => {
  const doc = new Y.Doc()
  doc.transact(() => {
    for (let at = 0; at < 100_000; at++) doc.getMap('map').set(`key ${at}`, at)
  })
  return encodeFrames([Y.encodeStateAsUpdate(doc)])
}

const compacting = async (...flags: string[]) => {
  const { program, url } = await serve(['--store', 'memory', '--compact-bytes', '100', ...flags])
  const answer = await fetch(`${url}${Path.yjs}s/${Path.documents}/d`, {
    method: 'PUT',
    headers: { 'Content-Type': ContentType.binary },
    body: large() as BodyInit,
  })
  expect(answer.status).toBe(201)
  const { msg } = await program.logged(line => line.msg.includes('compacted'))
  program.signal('SIGTERM')
  expect(await program.ended).toEqual({ code: 0, signal: null })
  return msg
}

test('[limit compactHeapMb] a document that needs more memory than that is not compacted, and harms nobody', async () => {
  expect(await compacting('--compact-heap-mb', '16')).toContain('could not be compacted')
  expect(await compacting('--compact-heap-mb', '512')).toBe('compacted')
})

test('[limit compactMs] a document that takes longer than that is not compacted, and harms nobody', async () => {
  expect(await compacting('--compact-ms', '1')).toContain('could not be compacted')
})
