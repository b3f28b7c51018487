import { expect, test } from 'vitest'
import * as Y from 'yjs'
import { DurableStreamsProvider, type ProviderError } from '../../../provider/index.ts'
import { bytesOf, Document, eventually, nextOf, textOf, typist } from './document.ts'
import { compacted } from './snapshots.ts'
import type { Targeted } from './target.ts'

export const compactionTests = (target: Targeted): void => {
  test('[compaction.triggers-at-threshold] a log gets its snapshot when it has grown past the threshold', async () => {
    const document = await Document.created(target())
    const type = typist()
    const half = 'x'.repeat(target().compactBytes / 2 - 100)
    await document.write(type(half))
    await document.write(type(half))
    expect(await document.discovered()).toBe('-1')
    const tail = await document.write(type('y'.repeat(200)))
    const answer = await document.get(`?offset=${await document.snapshot()}`)
    expect(nextOf(answer)).toBe(tail)
  })

  test('[compaction.creates-snapshot-url] the snapshot is at its own offset, and holds what lies before', async () => {
    const { document, text, name } = await compacted(target())
    expect(name).toMatch(/^.+_snapshot$/)
    const answer = await document.get(`?offset=${name}`)
    expect([answer.status, textOf(await bytesOf(answer))]).toEqual([200, text])
  })

  test('[compaction.updates-redirect] the next snapshot is where joiners are sent from then on', async () => {
    const { document, type, text, name } = await compacted(target())
    await document.write(type(text))
    const next = await document.snapshot(name)
    expect(textOf(await bytesOf(await document.get(`?offset=${next}`)))).toBe(text + text)
  })

  test('[compaction.stream-next-offset] snapshot and what follows it are the document, without a gap or a repeat', async () => {
    const { document, type, text, name } = await compacted(target())
    const later = [type('one '), type('two')]
    for (const update of later) await document.write(update)
    const answer = await document.get(`?offset=${name}`)
    const { updates } = await document.readFrom(nextOf(answer))
    expect(updates).toEqual(later)
    expect(textOf(await bytesOf(answer), ...updates)).toBe(`${text}one two`)
  })

  test('[compaction.deletes-old-snapshot] the snapshot before goes away', async () => {
    const { document, type, text, name } = await compacted(target())
    await document.write(type(text))
    const next = await document.snapshot(name)
    await eventually(async () => expect((await document.get(`?offset=${name}`)).status).toBe(404))
    expect((await document.get(`?offset=${next}`)).status).toBe(200)
  })

  test('[compaction.client-transparent] those who edit meanwhile, and those who join later, have the same document', async () => {
    const url = target().baseUrl
    const document = new Document(target())
    const errors: ProviderError[] = []
    const providers: DurableStreamsProvider[] = []
    const open = async () => {
      const provider = new DurableStreamsProvider(new Y.Doc(), { url, name: document.name })
      provider.on('error', error => void errors.push(error))
      providers.push(provider)
      await provider.whenSynced()
      return provider.doc.getText('body')
    }
    const [ann, bob] = [await open(), await open()]
    let length = 0
    const edit = (text: Y.Text, words: string) => {
      text.insert(0, words)
      length += words.length
    }
    const agree = () =>
      eventually(() => {
        expect(ann.toString()).toHaveLength(length)
        expect(bob.toString()).toBe(ann.toString())
      })
    edit(ann, 'before ')
    await agree()
    let last: string | undefined
    for (let count = 0; count < 3; count++) {
      edit(ann, 'x'.repeat(target().compactBytes))
      for (let keys = 0; keys < 20; keys++) edit(bob, `key ${count}.${keys} `)
      await agree()
      await Promise.all(providers.map(provider => provider.whenSaved()))
      last = await document.snapshot(last)
      edit(ann, 'after ')
    }
    await agree()
    await Promise.all(providers.map(provider => provider.whenSaved()))
    const late = await open()
    expect(late.toString()).toBe(ann.toString())
    expect(errors).toEqual([])
    for (const provider of providers) provider.destroy()
  })

  test('[compaction.configurable-threshold] the same writes get a snapshot where the threshold is lower', async () => {
    const { other } = target()
    expect(other.compactBytes).toBeLessThan(target().compactBytes)
    const update = typist()('x'.repeat(other.compactBytes))
    const [high, low] = [await Document.created(target()), await Document.created(other)]
    for (const document of [high, low]) await document.write(update)
    await low.snapshot()
    expect(await high.discovered()).toBe('-1')
  })

  test('[compaction.single-writer] of one document one compaction runs at a time, however fast it grows', async () => {
    target().mostCompactions()
    const document = await Document.created(target())
    const updates = Array.from({ length: 30 }, () => typist()('x'.repeat(target().compactBytes)))
    await Promise.all(updates.map(update => document.write(update)))
    const tail = await document.tail()
    const name = await eventually(async () => {
      const found = await document.discovered()
      if (found === `${tail}_snapshot`) return found
      // What came while the last one ran is looked at when the document is next written to or joined.
      throw new Error(`the snapshot is still ${found}`)
    })
    expect(textOf(await bytesOf(await document.get(`?offset=${name}`)))).toBe(textOf(...updates))
    expect(target().mostCompactions()).toBe(1)
  })
}
