import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { type DurableStreamsProvider, ProviderCode, type SubdocsChange } from '../../provider/index.ts'
import { House } from './house.ts'

const patience = { timeout: 15_000, interval: 10 }
let house: House
beforeAll(async () => {
  house = await House.open()
})
afterEach(() => house.clear())
afterAll(() => house.close())

/** A subdocument with a text, put into its parent under `key`. */
const put = (
  parent: Y.Doc,
  key: string,
  text: string,
  options: { guid?: string; autoLoad?: boolean } = {},
): Y.Doc => {
  const subdoc = new Y.Doc(options)
  if (text) subdoc.getText('t').insert(0, text)
  parent.getMap<Y.Doc>('docs').set(key, subdoc)
  return subdoc
}

const take = (parent: Y.Doc, key: string): Y.Doc => {
  const subdoc = parent.getMap<Y.Doc>('docs').get(key)
  if (!subdoc) throw new Error(`there is no ${key}`)
  return subdoc
}

const childOf = (provider: DurableStreamsProvider, { guid }: Y.Doc): DurableStreamsProvider => {
  const child = provider.subdocs.get(guid)
  if (!child) throw new Error(`no provider for ${guid}`)
  return child
}

/** Somebody who made a subdocument `intro` with a text, all of it saved. */
const author = async (name: string): Promise<DurableStreamsProvider> => {
  const provider = house.provider(name)
  const subdoc = put(provider.doc, 'intro', 'hello', { guid: 'intro' })
  await Promise.all([provider.whenSaved(), childOf(provider, subdoc).whenSaved()])
  await provider.whenSynced()
  return provider
}

test('[SU1] a subdocument that is loaded is a document below its parent’s path, with a provider of its own', async () => {
  const ada = await author('su1')
  expect([...ada.subdocs.keys()]).toEqual(['intro'])
  expect(await house.text('su1/intro')).toBe('hello')
  const child = childOf(ada, take(ada.doc, 'intro'))
  expect([child.doc, child.awareness]).toEqual([take(ada.doc, 'intro'), undefined])
  expect(house.requests.filter(request => /^\S+ su1\/intro.*awareness/.test(request))).toEqual([])
})

test('[SU2] nothing of one that is not loaded is asked for; load() brings a provider at once, and the content', async () => {
  await author('su2')
  const ben = house.provider('su2')
  await ben.whenSynced()
  const subdoc = take(ben.doc, 'intro')
  house.requests.splice(0)
  expect([ben.subdocs.size, subdoc.shouldLoad]).toEqual([0, false])
  subdoc.load()
  await childOf(ben, subdoc).whenSynced()
  expect(subdoc.getText('t').toString()).toBe('hello')
  expect(house.requests.some(request => request.includes('su2/intro'))).toBe(true)
})

test('[SU3] both sides of a subdocument edit it, and neither edit touches the parent’s log', async () => {
  const ada = await author('su3')
  const ben = house.provider('su3')
  await ben.whenSynced()
  const [hers, his] = [take(ada.doc, 'intro'), take(ben.doc, 'intro')]
  his.load()
  await childOf(ben, his).whenSynced()
  house.requests.splice(0)
  his.getText('t').insert(5, ' Ada')
  hers.getText('t').insert(0, 'oh, ')
  await vi.waitFor(() => {
    for (const doc of [hers, his]) expect(doc.getText('t').toString()).toBe('oh, hello Ada')
  }, patience)
  expect(house.requests.filter(request => request.startsWith('POST su3?'))).toEqual([])
})

test('[SU4] one with autoLoad is loaded by everybody', async () => {
  const ada = house.provider('su4')
  await childOf(ada, put(ada.doc, 'auto', 'for all', { autoLoad: true })).whenSaved()
  await ada.whenSaved()
  const ben = house.provider('su4')
  await ben.whenSynced()
  await childOf(ben, take(ben.doc, 'auto')).whenSynced()
  expect(take(ben.doc, 'auto').getText('t').toString()).toBe('for all')
})

test('[SU5] a subdocument has subdocuments of its own, one path deeper', async () => {
  const ada = house.provider('su5')
  const chapter = put(ada.doc, 'chapter', '', { guid: 'chapter' })
  const page = put(chapter, 'page', 'deep', { guid: 'page' })
  await childOf(childOf(ada, chapter), page).whenSaved()
  expect(await house.text('su5/chapter/page')).toBe('deep')
})

test('[SU6] what is there when the provider is made counts too; without the option nothing does', async () => {
  const doc = new Y.Doc()
  const subdoc = put(doc, 'early', 'bird', { guid: 'early' })
  const without = house.provider('su6', { subdocs: false, connect: false }, doc)
  expect(without.subdocs.size).toBe(0)
  without.destroy()
  const ada = house.provider('su6', {}, doc)
  await childOf(ada, subdoc).whenSaved()
  expect(await house.text('su6/early')).toBe('bird')
})

test('[SU7] one that is deleted loses its provider, and stays on the server', async () => {
  const ada = await author('su7')
  const child = childOf(ada, take(ada.doc, 'intro'))
  const ended = vi.fn()
  child.on('destroy', ended)
  ada.doc.getMap('docs').delete('intro')
  expect([ended.mock.calls.length, ada.subdocs.size]).toEqual([1, 0])
  expect(await house.text('su7/intro')).toBe('hello')
})

test('[SU8] one that is made and deleted in one transaction never had a provider', async () => {
  const ada = house.provider('su8')
  ada.doc.transact(() => {
    put(ada.doc, 'brief', 'x', { guid: 'brief' })
    ada.doc.getMap('docs').delete('brief')
  })
  expect(ada.subdocs.size).toBe(0)
  await ada.whenSynced()
  expect(await house.exists('su8/brief')).toBe(false)
})

test('[SU9] one that is unloaded before its last edit was sent is seen off, and is whole when it is loaded again', async () => {
  const ada = await author('su9')
  const before = take(ada.doc, 'intro')
  const open = house.closePosts()
  before.getText('t').insert(5, ', last words')
  const child = childOf(ada, before)
  before.destroy()
  expect([ada.subdocs.size, child.status]).toEqual([0, 'disconnected'])
  open()
  await vi.waitFor(async () => expect(await house.text('su9/intro')).toBe('hello, last words'), patience)
  const after = take(ada.doc, 'intro')
  expect(after).not.toBe(before)
  after.load()
  await childOf(ada, after).whenSynced()
  expect(after.getText('t').toString()).toBe('hello, last words')
})

test('[SU10] one that is unloaded when all is saved sends and asks nothing more', async () => {
  const ada = await author('su10')
  const subdoc = take(ada.doc, 'intro')
  house.requests.splice(0)
  subdoc.destroy()
  ada.doc.getText('t').insert(0, 'the parent goes on')
  await ada.whenSaved()
  expect(house.requests.filter(request => request.includes('su10/intro'))).toEqual([])
})

test.each(['a b', 'a/b', '..', '', 'é'].map((guid, at) => [guid, `su11-${at}`]))(
  '[SU11] a guid that is no part of a path, %j, is told, and keeps nothing else from being kept in step',
  async (guid, name) => {
    const ada = house.provider(name)
    put(ada.doc, 'odd', 'x', { guid })
    const plain = put(ada.doc, 'plain', 'y', { guid: 'plain' })
    await vi.waitFor(() => expect(house.errors).toHaveLength(1), patience)
    expect(house.errors[0]).toMatchObject({ code: ProviderCode.subdocUnnamable, fatal: false })
    expect(house.errors[0]?.message).toContain(JSON.stringify(guid))
    expect([...ada.subdocs.keys()]).toEqual(['plain'])
    await childOf(ada, plain).whenSaved()
  },
)

test('[SU12] the subdocuments connect, disconnect and end with their parent', async () => {
  const doc = new Y.Doc()
  const subdoc = put(doc, 'one', 'x', { guid: 'one' })
  const ada = house.provider('su12', { connect: false }, doc)
  const child = childOf(ada, subdoc)
  expect([child.status, house.requests]).toEqual(['disconnected', []])
  ada.connect()
  await child.whenSynced()
  ada.disconnect()
  expect(child.status).toBe('disconnected')
  const late = put(doc, 'two', 'y', { guid: 'two' })
  expect(childOf(ada, late).status).toBe('disconnected')
  ada.connect()
  await childOf(ada, late).whenSaved()
  const ended = vi.fn()
  child.on('destroy', ended)
  ada.destroy()
  expect(ended).toHaveBeenCalledOnce()
  expect(subdoc.isDestroyed).toBe(false)
})

test('[SU13] `saved` of the parent is about the parent; its map has the others', async () => {
  const ada = await author('su13')
  const subdoc = take(ada.doc, 'intro')
  const open = house.closePosts()
  subdoc.getText('t').insert(0, 'x')
  expect([ada.saved, childOf(ada, subdoc).saved]).toEqual([true, false])
  open()
  await Promise.all([...ada.subdocs.values()].map(child => child.whenSaved()))
})

test('[SU14] the parent tells which subdocuments came and went', async () => {
  const ada = house.provider('su14')
  const told: SubdocsChange[] = []
  ada.on('subdocs', change => told.push(change))
  const subdoc = put(ada.doc, 'one', 'x', { guid: 'one' })
  subdoc.destroy()
  take(ada.doc, 'one').load()
  ada.doc.getMap('docs').delete('one')
  ada.doc.getText('t').insert(0, 'nothing to tell')
  expect(told).toEqual([
    { added: ['one'], removed: [] },
    { added: [], removed: ['one'] },
    { added: ['one'], removed: [] },
    { added: [], removed: ['one'] },
  ])
})

test('[SU15] two places that hold the same guid are one document', async () => {
  const ada = house.provider('su15')
  const texts = ['one', 'two'].map(key => put(ada.doc, key, '', { guid: 'same' }).getText('t'))
  for (const [at, text] of texts.entries()) text.insert(0, `${at}.`) // as the same Yjs client, would be one edit and not two
  await vi.waitFor(() => {
    for (const text of texts) expect(text.toString()).toMatch(/^(0\.1\.|1\.0\.)$/)
  }, patience)
  expect(texts[0]?.toString()).toBe(texts[1]?.toString())
})

test('[SU17] one that is loaded again may be edited before it has caught up with what it was', async () => {
  const ada = await author('su17')
  const before = take(ada.doc, 'intro')
  before.getText('t').insert(5, '!')
  await childOf(ada, before).whenSaved()
  before.destroy()
  const again = take(ada.doc, 'intro')
  again.load()
  again.getText('t').insert(0, 'early ')
  await childOf(ada, again).whenSynced()
  expect(['early hello!', 'hello!early ']).toContain(again.getText('t').toString())
  expect(await house.text('su17/intro')).toBe(again.getText('t').toString())
})

test('[SU16] the headers of the parent go with every request of a subdocument', async () => {
  const asked: string[] = []
  const ada = house.provider('su16', {
    headers: () => {
      asked.push('x')
      return {}
    },
  })
  await ada.whenSynced()
  asked.splice(0)
  await childOf(ada, put(ada.doc, 'one', 'x')).whenSaved()
  expect(asked.length).toBeGreaterThanOrEqual(3) // read, create, append
})
