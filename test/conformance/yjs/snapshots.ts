import { expect, test } from 'vitest'
import { bytesOf, Document, expectError, nextOf, textOf, typist } from './document.ts'
import type { Service, Targeted } from './target.ts'

/** A document long enough to have a snapshot, its name, and what was written. */
export const compacted = async (service: Service) => {
  const document = await Document.created(service)
  const type = typist()
  const text = 'x'.repeat(service.compactBytes)
  await document.write(type(text))
  return { document, type, text, name: await document.snapshot() }
}

export const snapshotTests = (target: Targeted): void => {
  test('[snapshot.discovery-new-doc] a new document is read from the beginning', async () => {
    const document = await Document.created(target())
    expect(await document.discovered()).toBe('-1')
  })

  test('[snapshot.discovery-with-snapshot] a document with a snapshot is read from there', async () => {
    const { document } = await compacted(target())
    expect(await document.discovered()).toMatch(/^.+_snapshot$/)
  })

  test('[snapshot.discovery-cached] where to begin is told for five seconds, to one browser', async () => {
    const documents = [await Document.created(target()), (await compacted(target())).document]
    for (const document of documents) {
      const answer = await document.get('?offset=snapshot')
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([307, 'private, max-age=5'])
    }
  })

  test('[snapshot.read] a snapshot is one update, with the offset to go on from', async () => {
    const { document, text, name } = await compacted(target())
    const answer = await document.get(`?offset=${name}`)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/octet-stream'])
    expect(textOf(await bytesOf(answer))).toBe(text)
    expect((await document.readFrom(nextOf(answer))).updates).toEqual([])
  })

  test('[snapshot.not-found] a snapshot that never was is 404', async () => {
    const document = await Document.created(target())
    const tail = await document.write(typist()('little'))
    await expectError(await document.get(`?offset=${tail}_snapshot`), 404, 'SNAPSHOT_NOT_FOUND')
  })

  test('[snapshot.deleted-retry] who comes too late for a snapshot asks again and is sent to the current one', async () => {
    const { document, type, text, name } = await compacted(target())
    await document.write(type(text))
    const current = await document.snapshot(name)
    await expect
      .poll(async () => (await document.get(`?offset=${name}`)).status, { timeout: 20_000 })
      .toBe(404)
    expect(await document.discovered()).toBe(current)
    expect(textOf(await bytesOf(await document.get(`?offset=${current}`)))).toBe(text + text)

    await document.ask('DELETE')
    await document.ask('PUT')
    await expectError(await document.get(`?offset=${current}`), 404, 'SNAPSHOT_NOT_FOUND')
    expect(await document.discovered()).toBe('-1')
  })
}
