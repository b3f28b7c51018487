import { expect, test } from 'vitest'
import { bytesOf, Document, expectError, framed, nextOf, typist } from './document.ts'
import { Events } from './events.ts'
import type { Targeted } from './target.ts'

const hour = 3_600_000
/** Section 12.4: the server passes awareness on unread. */
const word = (text: string): Uint8Array => framed(new TextEncoder().encode(text))
const of = (name: string, rest = ''): string => `?awareness=${name}${rest}`
const now = (name: string, live?: string): string => of(name, `&offset=now${live ? `&live=${live}` : ''}`)

/** What an awareness stream holds. */
const said = async (document: Document, name: string): Promise<string> => {
  const answer = await document.get(of(name, '&offset=-1'))
  expect(answer.status).toBe(200)
  return Buffer.from(await bytesOf(answer)).toString()
}
const heard = (...words: readonly Uint8Array[]): string => Buffer.concat(words).toString()

export const awarenessTests = (target: Targeted): void => {
  test('[awareness.created-with-doc] a new document has its awareness stream', async () => {
    const document = await Document.created(target())
    const answer = await document.get(now('default'))
    expect([answer.status, (await bytesOf(answer)).length]).toEqual([200, 0])
  })

  test('[awareness.lazy-creation] an awareness stream is made by the first word in it', async () => {
    const document = await Document.created(target())
    await expectError(await document.get(now('lazy')), 404, 'STREAM_NOT_FOUND')
    expect((await document.post(word('hello'), of('lazy'))).status).toBe(204)
    expect(await said(document, 'lazy')).toBe(heard(word('hello')))
  })

  test('[awareness.offset-now] from now comes nothing of what was said before', async () => {
    const document = await Document.created(target())
    const posted = await document.post(word('before'), of('default'))
    const answer = await document.get(now('default'))
    expect([answer.status, nextOf(answer), (await bytesOf(answer)).length]).toEqual([200, nextOf(posted), 0])
    const events = new Events(await document.get(now('default', 'sse')))
    await document.post(word('after'), of('default'))
    expect(heard((await events.data()).bytes)).toBe(heard(word('after')))
    await events.leave()
  })

  test('[awareness.live-long-poll] a poll is held until somebody speaks', async () => {
    const document = await Document.created(target())
    const { headers } = await document.get(now('default'))
    const offset = headers.get('stream-next-offset')
    const poll = document.get(of('default', `&offset=${offset}&live=long-poll`))
    const next = nextOf(await document.post(word('hello'), of('default')))
    const answer = await poll
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/octet-stream'])
    expect([heard(await bytesOf(answer)), nextOf(answer)]).toEqual([heard(word('hello')), next])
  })

  test('[awareness.live-sse] an event stream brings what is said, in base64', async () => {
    const document = await Document.created(target())
    const events = new Events(await document.get(now('default', 'sse')))
    for (const text of ['one', 'two']) {
      await document.post(word(text), of('default'))
      expect(heard((await events.data()).bytes)).toBe(heard(word(text)))
    }
    await events.leave()
  })

  test('[awareness.write] a word is answered 204 with the offset behind it', async () => {
    const document = await Document.created(target())
    const answer = await document.post(word('hello'), of('default'))
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(nextOf(answer)).toBe(nextOf(await document.get(now('default'))))
  })

  test('[awareness.broadcast] everybody who listens hears it, at once', async () => {
    const document = await Document.created(target())
    const listeners = await Promise.all(
      Array.from({ length: 5 }, async () => new Events(await document.get(now('default', 'sse')))),
    )
    await document.post(word('to all'), of('default'))
    for (const events of listeners) {
      expect(heard((await events.data()).bytes)).toBe(heard(word('to all')))
      await events.leave()
    }
  })

  test('[awareness.ttl] an awareness stream nobody used for an hour is gone, and not before', async () => {
    const document = await Document.created(target())
    await document.post(word('hello'), of('cursors'))
    target().pass(hour - 60_000)
    expect((await document.ask('HEAD', of('cursors'))).status).toBe(200)
    target().pass(2 * 60_000)
    await expectError(await document.get(of('cursors', '&offset=-1')), 404, 'STREAM_NOT_FOUND')
    expect((await document.ask('HEAD')).status).toBe(200)
  })

  test('[awareness.named-streams] another name is another stream', async () => {
    const document = await Document.created(target())
    const events = new Events(await document.get(now('default', 'sse')))
    await document.post(word('hidden'), of('admin'))
    await document.post(word('open'), of('default'))
    expect(heard((await events.data()).bytes)).toBe(heard(word('open')))
    await events.leave()
    expect(await said(document, 'admin')).toBe(heard(word('hidden')))
  })

  test('[awareness.default-stream] the one called default is there without being asked for, for each document', async () => {
    const documents = [await Document.created(target()), await Document.created(target())] as const
    await documents[0].post(word('here'), of('default'))
    expect(await said(documents[0], 'default')).toBe(heard(word('here')))
    expect(await said(documents[1], 'default')).toBe('')
    expect((await documents[0].ask('PUT', of('default'))).status).toBe(200)
  })

  test('[awareness.sse-control-events] behind what is said comes where to go on, and a cursor', async () => {
    const document = await Document.created(target())
    const events = new Events(await document.get(now('default', 'sse')))
    const first = await events.next()
    expect(first).toMatchObject({ kind: 'control', control: { upToDate: true } })
    const next = nextOf(await document.post(word('hello'), of('default')))
    const { control } = await events.data()
    expect(control.streamNextOffset).toBe(next)
    expect(control.streamCursor).toMatch(/\S/)
    await events.leave()
  })

  test('[awareness.put-creates-stream] PUT makes a stream of that name, and words go into it', async () => {
    const document = await Document.created(target())
    expect((await document.ask('PUT', of('cursors'))).status).toBe(201)
    expect(await said(document, 'cursors')).toBe('')
    expect((await document.post(word('hello'), of('cursors'))).status).toBe(204)
    expect(await said(document, 'cursors')).toBe(heard(word('hello')))
  })

  test('[awareness.put-idempotent] PUT again is 200 and leaves what is there', async () => {
    const document = await Document.created(target())
    expect((await document.ask('PUT', of('cursors'))).status).toBe(201)
    await document.post(word('hello'), of('cursors'))
    expect((await document.ask('PUT', of('cursors'))).status).toBe(200)
    expect(await said(document, 'cursors')).toBe(heard(word('hello')))
  })

  test('[awareness.put-requires-doc] PUT for a document that is none is 404 and makes none', async () => {
    const document = new Document(target())
    await expectError(await document.ask('PUT', of('cursors')), 404, 'DOCUMENT_NOT_FOUND')
    expect((await document.ask('HEAD')).status).toBe(404)
  })

  test('[awareness.named-separate] what is said in one stream is in no other, nor in the document', async () => {
    const document = await Document.created(target())
    const names = ['cursors', 'presence', 'default']
    const update = typist()('text')
    await document.write(update)
    for (const name of names) await document.post(word(name), of(name))
    for (const name of names) expect(await said(document, name)).toBe(heard(word(name)))
    expect((await document.readFrom('-1')).updates).toEqual([update])
  })

  test('[awareness.post-auto-creates] a word into a stream that is none makes it', async () => {
    const document = await Document.created(target())
    expect((await document.post(word('hello'), of('fresh'))).status).toBe(204)
    expect((await document.ask('PUT', of('fresh'))).status).toBe(200)
  })

  test('[awareness.post-ttl-recovery] a word after the hour is over makes the stream anew', async () => {
    const document = await Document.created(target())
    await document.post(word('old'), of('cursors'))
    target().pass(hour + 60_000)
    expect((await document.post(word('new'), of('cursors'))).status).toBe(204)
    expect(await said(document, 'cursors')).toBe(heard(word('new')))
    expect((await document.post(word('again'), of('default'))).status).toBe(204)
    expect(await said(document, 'default')).toBe(heard(word('again')))
  })

  test('[awareness.post-concurrent] of several who speak first in a stream that is none, everybody is heard', async () => {
    const document = await Document.created(target())
    const words = Array.from({ length: 10 }, (_, index) => word(`speaker ${index}`))
    const answers = await Promise.all(words.map(one => document.post(one, of('fresh'))))
    expect(answers.map(answer => answer.status)).toEqual(words.map(() => 204))
    const all = await said(document, 'fresh')
    expect(all).toHaveLength(heard(...words).length)
    for (const one of words) expect(all).toContain(heard(one))
  })
}
