import { expect, test } from 'vitest'
import { Document, expectError, framed, typist } from './document.ts'
import { compacted } from './snapshots.ts'
import type { Targeted } from './target.ts'

const word = framed(new Uint8Array([1, 2, 3]))

export const deletionTests = (target: Targeted): void => {
  const deleted = async (): Promise<Document> => {
    const document = await Document.created(target())
    await document.write(typist()('gone'))
    expect((await document.ask('DELETE')).status).toBe(204)
    return document
  }

  test('[delete.doc-returns-204] a document is deleted with 204', async () => {
    const answer = await (await Document.created(target())).ask('DELETE')
    expect([answer.status, await answer.text()]).toEqual([204, ''])
  })

  test('[delete.doc-returns-404] a document that is none, or is deleted, cannot be deleted', async () => {
    await expectError(await new Document(target()).ask('DELETE'), 404, 'DOCUMENT_NOT_FOUND')
    await expectError(await (await deleted()).ask('DELETE'), 404, 'DOCUMENT_NOT_FOUND')
  })

  test('[delete.doc-then-get-returns-404] a deleted document is not read, in whatever way', async () => {
    const document = await deleted()
    for (const query of ['', '?offset=-1', '?offset=now', '?offset=snapshot', '?offset=-1&live=sse']) {
      await expectError(await document.get(query), 404, 'DOCUMENT_NOT_FOUND')
    }
    expect((await document.ask('HEAD')).status).toBe(404)
  })

  test('[delete.doc-then-post-returns-404] a deleted document is not written to, and stays deleted', async () => {
    const document = await deleted()
    await expectError(await document.post(framed(typist()('more'))), 404, 'DOCUMENT_NOT_FOUND')
    expect((await document.ask('HEAD')).status).toBe(404)
  })

  test('[delete.doc-then-put-creates-fresh] a document made again begins empty', async () => {
    const document = await deleted()
    expect((await document.ask('PUT')).status).toBe(201)
    expect((await document.readFrom('-1')).updates).toEqual([])
    expect(await document.discovered()).toBe('-1')
  })

  test('[delete.doc-cascades-awareness] with its document awareness goes, and does not come back with it', async () => {
    const document = await Document.created(target())
    for (const name of ['default', 'cursors']) await document.post(word, `?awareness=${name}`)
    await document.ask('DELETE')
    for (const name of ['default', 'cursors']) {
      await expectError(await document.get(`?awareness=${name}&offset=-1`), 404, 'DOCUMENT_NOT_FOUND')
    }
    await document.ask('PUT')
    const answer = await document.get('?awareness=default&offset=-1')
    expect([answer.status, await answer.text()]).toEqual([200, ''])
    await expectError(await document.get('?awareness=cursors&offset=-1'), 404, 'STREAM_NOT_FOUND')
  })

  test('[delete.doc-cascades-snapshots] with its document the snapshot goes, and does not come back with it', async () => {
    const { document, name } = await compacted(target())
    await document.ask('DELETE')
    expect((await document.get(`?offset=${name}`)).status).toBe(404)
    await document.ask('PUT')
    await expectError(await document.get(`?offset=${name}`), 404, 'SNAPSHOT_NOT_FOUND')
    expect(await document.discovered()).toBe('-1')
  })

  test('[delete.awareness-returns-204] an awareness stream is deleted with 204', async () => {
    const document = await Document.created(target())
    await document.post(word, '?awareness=cursors')
    expect((await document.ask('DELETE', '?awareness=cursors')).status).toBe(204)
    await expectError(await document.get('?awareness=cursors&offset=-1'), 404, 'STREAM_NOT_FOUND')
  })

  test('[delete.awareness-returns-404] an awareness stream that is none cannot be deleted', async () => {
    const document = await Document.created(target())
    await expectError(await document.ask('DELETE', '?awareness=cursors'), 404, 'STREAM_NOT_FOUND')
  })

  test('[delete.awareness-preserves-document] without an awareness stream the document is as it was', async () => {
    const document = await Document.created(target())
    const update = typist()('stays')
    await document.write(update)
    await document.post(word, '?awareness=cursors')
    for (const name of ['cursors', 'default']) await document.ask('DELETE', `?awareness=${name}`)
    expect((await document.readFrom('-1')).updates).toEqual([update])
    expect((await document.post(word, '?awareness=default')).status).toBe(204)
  })

  test('[delete.awareness-post-requires-document] a word to a deleted document is 404 and makes nothing', async () => {
    const document = await deleted()
    for (const name of ['default', 'cursors']) {
      await expectError(await document.post(word, `?awareness=${name}`), 404, 'DOCUMENT_NOT_FOUND')
    }
    expect((await document.ask('HEAD')).status).toBe(404)
  })
}
