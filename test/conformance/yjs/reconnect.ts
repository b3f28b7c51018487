import { expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { DurableStreamsProvider, type ProviderOptions } from '../../../provider/index.ts'
import { Document, eventually, textOf } from './document.ts'
import type { Targeted } from './target.ts'

/** Section 9.5 is the client's to keep: this project's provider against the server that is tested. */
export const reconnectTests = (target: Targeted): void => {
  const open = (document: Document, options: ProviderOptions = {}, doc = new Y.Doc()) => {
    const provider = new DurableStreamsProvider(doc, {
      url: target().baseUrl,
      name: document.name,
      ...options,
    })
    onTestFinished(() => provider.destroy())
    return { provider, text: doc.getText('body') }
  }
  const stored = async (document: Document): Promise<string> =>
    textOf(...(await document.readFrom('-1')).updates)

  test('[reconnect.pushes-local-changes] edits made offline, and all after, reach the others', async () => {
    const document = new Document(target())
    const [ann, bob] = [open(document), open(document)]
    await Promise.all([ann.provider.whenSynced(), bob.provider.whenSynced()])
    ann.text.insert(0, 'online ')
    await eventually(() => expect(bob.text.toString()).toBe('online '))
    for (let times = 1; times <= 3; times++) {
      ann.provider.disconnect()
      ann.text.insert(ann.text.length, `offline ${times} `)
      ann.provider.connect()
      await ann.provider.whenSynced()
      ann.text.insert(ann.text.length, `again ${times} `)
      await eventually(() => expect(bob.text.toString()).toBe(ann.text.toString()))
    }
    expect(await stored(document)).toBe(ann.text.toString())
  })

  test('[reconnect.synced-means-persisted] synced is said when the server has the offline edits, not before', async () => {
    const document = new Document(target())
    const { provider, text } = open(document)
    await provider.whenSynced()
    provider.disconnect()
    text.insert(0, 'offline')
    expect(provider.synced).toBe(false)
    const atSync = new Promise<string>((resolve, reject) => {
      provider.on('sync', synced => {
        if (synced) stored(document).then(resolve, reject)
      })
    })
    provider.connect()
    expect(await atSync).toBe('offline')
  })

  test('[reconnect.no-write-when-current] who has nothing new writes nothing', async () => {
    const document = new Document(target())
    const { provider, text } = open(document)
    text.insert(0, 'all there is')
    await provider.whenSaved()
    const tail = await document.tail()
    for (let times = 0; times < 3; times++) {
      provider.disconnect()
      provider.connect()
      await provider.whenSynced()
    }
    expect(await document.tail()).toBe(tail)
  })

  test('[reconnect.local-state-before-first-connect] what the document held before it was ever connected is sent', async () => {
    const document = new Document(target())
    const doc = new Y.Doc()
    doc.getText('body').insert(0, 'before the provider ')
    const { provider, text } = open(document, { connect: false }, doc)
    text.insert(text.length, 'before connect')
    provider.connect()
    await provider.whenSynced()
    expect(await stored(document)).toBe('before the provider before connect')
  })
}
