import { expect, test } from 'vitest'
import { bytesOf, Document, expectError, framed, nextOf, textOf, typist, unframed } from './document.ts'
import { Events } from './events.ts'
import type { Targeted } from './target.ts'

/** Several writers at once, each of whom sends a few updates in one request. */
const burst = (document: Document, writers: number, words: string): Promise<readonly string[]> =>
  Promise.all(
    Array.from({ length: writers }, (_, writer) => {
      const type = typist()
      return document.write(...Array.from({ length: 5 }, (_, index) => type(`${words} ${writer}.${index};`)))
    }),
  )

export const writeTests = (target: Targeted): void => {
  test('[write.requires-put] a write to a document that is none is 404 and makes none', async () => {
    const document = new Document(target())
    await expectError(await document.post(framed(typist()('lost'))), 404, 'DOCUMENT_NOT_FOUND')
    expect((await document.ask('HEAD')).status).toBe(404)
  })

  test('[write.creates-document] the first write makes the document and its stream when it is a PUT', async () => {
    const document = new Document(target())
    const answer = await document.ask('PUT', '', {
      headers: { 'Content-Type': 'application/octet-stream' },
      body: framed(typist()('first')),
    })
    expect(answer.status).toBe(201)
    const { updates, next } = await document.readFrom('-1')
    expect([textOf(...updates), next]).toEqual(['first', nextOf(answer)])
  })

  test('[write.after-put] a document that was made takes writes, and everybody reads them', async () => {
    const document = await Document.created(target())
    await document.write(typist()('hello'))
    expect(textOf(...(await document.readFrom('-1')).updates)).toBe('hello')
  })

  test('[write.returns-offset] a write is answered 204 with the offset behind it', async () => {
    const document = await Document.created(target())
    const answer = await document.post(framed(typist()('hello')))
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(nextOf(answer)).toBe(await document.tail())
  })

  test('[write.appends-to-stream] writes one after another go to growing offsets', async () => {
    const document = await Document.created(target())
    const type = typist()
    const offsets = [await document.tail()]
    for (const word of ['one ', 'two ', 'three']) offsets.push(await document.write(type(word)))
    expect(offsets.toSorted()).toEqual(offsets)
    expect(new Set(offsets).size).toBe(4)
    expect(textOf(...(await document.readFrom('-1')).updates)).toBe('one two three')
  })

  test('[write.rapid-batched-updates] many batches at once are kept as whole frames, each once', async () => {
    const document = await Document.created(target())
    await burst(document, 20, 'word')
    const { updates } = await document.readFrom('-1')
    expect(updates).toHaveLength(100)
    expect(new Set(textOf(...updates).split(';')).size).toBe(101)
  })

  test('[write.multiple-rapid-bursts] burst after burst is kept, and read on from where the last one ended', async () => {
    const document = await Document.created(target())
    const seen: Uint8Array[] = []
    let offset = '-1'
    for (let count = 1; count <= 4; count++) {
      const offsets = await burst(document, 8, `burst ${count}`)
      const { updates, next } = await document.readFrom(offset)
      expect([updates.length, next]).toEqual([40, offsets.toSorted().at(-1)])
      seen.push(...updates)
      offset = next
    }
    expect((await document.readFrom('-1')).updates).toEqual(seen)
    expect(textOf(...seen).split(';')).toHaveLength(161)
  })
}

export const updateTests = (target: Targeted): void => {
  test('[updates.read-from-offset] from an offset come the updates behind it and no other', async () => {
    const document = await Document.created(target())
    const type = typist()
    const [one, two, three] = ['one', 'two', 'three'].map(type)
    if (!one || !two || !three) throw new Error('three updates')
    const offset = await document.write(one)
    await document.write(two)
    await document.write(three)
    expect((await document.readFrom(offset)).updates).toEqual([two, three])
  })

  test('[updates.read-from-beginning] from -1, or from nowhere, come all updates', async () => {
    const document = await Document.created(target())
    const type = typist()
    const updates = ['one', 'two', 'three'].map(type)
    for (const update of updates) await document.write(update)
    expect((await document.readFrom('-1')).updates).toEqual(updates)
    const answer = await document.ask('GET')
    expect(answer.headers.get('content-type')).toBe('application/octet-stream')
    expect(unframed(await bytesOf(answer))).toEqual(updates)
  })

  test('[updates.live-long-poll] a poll at the tail is held until there is an update', async () => {
    const document = await Document.created(target())
    let answered = false
    const poll = document.get(`?offset=${await document.tail()}&live=long-poll`).then(answer => {
      answered = true
      return answer
    })
    await document.tail()
    expect(answered).toBe(false)
    const update = typist()('news')
    const next = await document.write(update)
    const answer = await poll
    expect([answer.status, nextOf(answer)]).toEqual([200, next])
    expect(unframed(await bytesOf(answer))).toEqual([update])
  })

  test('[updates.live-sse] an event stream brings what is there and what comes, in base64', async () => {
    const document = await Document.created(target())
    const type = typist()
    const [old, fresh] = [type('old'), type('new')]
    await document.write(old)
    const events = new Events(await document.get('?offset=-1&live=sse'))
    expect(unframed((await events.data()).bytes)).toEqual([old])
    const next = await document.write(fresh)
    const { bytes, control } = await events.data()
    expect([unframed(bytes), control.streamNextOffset]).toEqual([[fresh], next])
    await events.leave()
  })

  test('[updates.live-timeout] a poll for which nothing comes is 204, and up to date', async () => {
    const document = await Document.created(target())
    const tail = await document.tail()
    const since = performance.now()
    const answer = await document.get(`?offset=${tail}&live=long-poll`)
    expect(performance.now() - since).toBeGreaterThan(target().longPollMs * 0.9)
    expect([answer.status, nextOf(answer), await answer.text()]).toEqual([204, tail, ''])
    expect(answer.headers.get('stream-up-to-date')).toBe('true')
  })

  test('[doc.path-with-slashes] a document below another path is one of its own', async () => {
    const name = `project-${Date.now()}/chapter-1/part`
    const document = new Document(target(), name)
    expect((await document.ask('PUT')).status).toBe(201)
    await document.write(typist()('deep'))
    expect(textOf(...(await document.readFrom('-1')).updates)).toBe('deep')
    expect(await document.discovered()).toBe('-1')
    expect((await document.get('?awareness=default&offset=now')).status).toBe(200)
    const above = new Document(target(), name.replace('/part', ''))
    expect((await above.ask('HEAD')).status).toBe(404)
  })
}
