import { expect, test } from 'vitest'
import { Document, eventually, expectError, framed, nextOf, typist } from './document.ts'
import { compacted } from './snapshots.ts'
import type { Targeted } from './target.ts'

export const errorTests = (target: Targeted): void => {
  test('[method.doc-rejects-patch] PATCH of a document is 405, and says what is allowed', async () => {
    const document = await Document.created(target())
    const answer = await document.ask('PATCH')
    expect(answer.status).toBe(405)
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'])
      expect(answer.headers.get('allow')).toContain(method)
  })

  test('[method.awareness-rejects-patch] PATCH of awareness is 405', async () => {
    const document = await Document.created(target())
    expect((await document.ask('PATCH', '?awareness=default')).status).toBe(405)
  })

  test('[error.invalid-request] what makes no sense is 400, and says so', async () => {
    const document = await Document.created(target())
    for (const query of [
      '?offset=no,offset',
      '?offset=',
      '?offset=-1&offset=-1',
      '?offset=_snapshot',
      '?live=sse',
      '?offset=-1&live=perhaps',
      '?awareness=',
      '?awareness=..&offset=now',
    ]) {
      await expectError(await document.get(query), 400, 'INVALID_REQUEST')
    }
    await expectError(await document.post(framed(typist()('cut off')).subarray(1)), 400, 'INVALID_REQUEST')
    await expectError(await document.post(new Uint8Array()), 400, 'INVALID_REQUEST')
    await expectError(await new Document(target(), 'a/..%2fb').ask('PUT'), 400, 'INVALID_REQUEST')
    expect((await document.readFrom('-1')).updates).toEqual([])
  })

  test('[error.unauthorized] without the right credentials everything is 401', async () => {
    const { baseUrl, authorization } = target().guarded
    const document = new Document({ baseUrl })
    for (const headers of [{}, { Authorization: `${authorization}x` }, { Authorization: 'Basic Og==' }]) {
      for (const [method, query] of [
        ['PUT', ''],
        ['GET', '?offset=snapshot'],
        ['GET', '?offset=-1&live=sse'],
        ['DELETE', ''],
        ['GET', '?awareness=default&offset=now'],
      ] as const) {
        const answer = await document.ask(method, query, { headers })
        expect(answer.headers.get('www-authenticate')).toBeTruthy()
        await expectError(answer, 401, 'UNAUTHORIZED')
      }
    }
    const headers = { Authorization: authorization }
    expect((await document.ask('PUT', '', { headers })).status).toBe(201)
  })

  test('[error.snapshot-deleted] a snapshot that was replaced is 404', async () => {
    const { document, type, text, name } = await compacted(target())
    await document.write(type(text))
    await document.snapshot(name)
    await eventually(async () =>
      expectError(await document.get(`?offset=${name}`), 404, 'SNAPSHOT_NOT_FOUND'),
    )
  })

  test('[error.offset-expired] an offset before what is kept, or of a life that is over, is 410', async () => {
    const document = await Document.created(target())
    const old = await document.write(typist()('old'))
    await document.ask('DELETE')
    await document.ask('PUT')
    for (const live of ['', '&live=long-poll', '&live=sse']) {
      await expectError(await document.get(`?offset=${old}${live}`), 410, 'OFFSET_EXPIRED')
    }
    const first = nextOf(await document.get('?awareness=default&offset=now'))
    await eventually(async () => {
      await document.post(framed(new Uint8Array(30_000)), '?awareness=default')
      await expectError(await document.get(`?awareness=default&offset=${first}`), 410, 'OFFSET_EXPIRED')
    })
  })
}
