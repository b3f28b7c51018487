import { afterEach, describe, expect, test } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { ErrorCode } from '../../protocol/index.ts'
import { Endings, opened, readBack, served, until } from './truth-world.ts'

const over = new Endings()
afterEach(() => over.run())

const small = { limits: { bodyBytes: 20_000 } }
const megabyte = 1_000_000

describe('A paste', () => {
  test('of many megabytes goes in requests of one, and is saved with the last of them', async () => {
    const server = await served(over)
    const ada = opened(over, server)
    const pasted = 'lorem ipsum 😀 '.repeat(200_000)
    ada.text.insert(0, pasted)
    ada.text.insert(pasted.length, 'end')
    await ada.provider.whenSaved()
    const sizes = ada.posts().map(({ bytes }) => bytes)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(megabyte + 8)
    expect(sizes.length).toBe(Math.ceil(sizes.reduce((sum, size) => sum + size, 0) / megabyte))
    expect((await readBack(over, server)).getText('text').toString()).toBe(`${pasted}end`)
    expect([ada.errors, ada.provider.unsaved]).toEqual([[], undefined])
  })

  test('larger than the server takes is cut to what it says it takes', async () => {
    const server = await served(over, small)
    const ada = opened(over, server)
    const pasted = 'x'.repeat(100_000)
    ada.text.insert(0, pasted)
    await ada.provider.whenSaved()
    const refused = ada.posts().filter(({ status }) => status === 413)
    const taken = ada.posts().filter(({ status }) => status === 200)
    expect([refused.length, taken.length]).toEqual([1, 6])
    expect((await readBack(over, server)).getText('text').toString()).toBe(pasted)
    expect([ada.errors, ada.told]).toEqual([[], []])
  })

  test('larger than something in between takes, which does not say how much, is halved until it passes', async () => {
    const server = await served(over)
    const ada = opened(over, server, {
      fetch: async (input, init) =>
        init?.body instanceof Uint8Array && init.body.length > 10_000
          ? new Response('<h1>413 Request Entity Too Large</h1>', {
              status: 413,
              headers: { 'Content-Type': 'text/html' },
            })
          : fetch(input, init),
    })
    const pasted = 'y'.repeat(100_000)
    ada.text.insert(0, pasted)
    await ada.provider.whenSaved()
    expect(ada.posts().filter(({ status }) => status === 413).length).toBe(4)
    expect((await readBack(over, server)).getText('text').toString()).toBe(pasted)
    expect(ada.told).toEqual([])
  })

  test('that the network breaks off goes on where it was, and each part is there once', async () => {
    const server = await served(over, small)
    let left = 4
    const doc = new Y.Doc()
    const first = opened(over, server, {
      doc,
      fetch: (input, init) => {
        if (init?.method !== 'POST' || left-- > 0) return fetch(input, init)
        return Promise.reject(new TypeError('unplugged'))
      },
    })
    first.text.insert(0, 'z'.repeat(100_000))
    await until(first, () => first.errors.length > 0)
    expect(first.provider.unsaved?.why).toBe('waiting')
    first.provider.destroy()
    const second = opened(over, server, { doc })
    await second.provider.whenSynced()
    const sent = [first, second].flatMap(({ posts }) => posts().filter(({ status }) => status === 200))
    expect(sent.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(101_000)
    expect((await readBack(over, server)).getText('text').length).toBe(100_000)
  })
})

describe('What cannot be cut and is too large', () => {
  const withLarge = async () => {
    const server = await served(over, small)
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    awareness.setLocalStateField('user', { name: 'ada' })
    over.add(() => awareness.destroy())
    const ada = opened(over, server, { doc, awareness })
    const list = doc.getArray<unknown>('list')
    const undo = new Y.UndoManager(list, { captureTimeout: 0 })
    over.add(() => undo.destroy())
    ada.text.insert(0, 'before')
    await ada.provider.whenSaved()
    const clientBefore = doc.clientID
    list.insert(0, [new Uint8Array(50_000)])
    ada.text.insert(6, ' with')
    await until(ada, () => ada.told.length > 0)
    return { ...ada, server, awareness, list, undo, clientBefore }
  }
  const textOf = async (server: { url: string }) => (await readBack(over, server)).getText('text').toString()

  test('[too-large] is told once, with its place and size, and why it is not saved', async () => {
    const { provider, told, text, errors, clientBefore, doc } = await withLarge()
    const [[event, error] = []] = told
    expect(event).toBe('too-large')
    expect(error).toMatchObject({ code: ErrorCode.bodyTooLarge, condition: 'too-large', fatal: false })
    expect(error?.ranges).toMatchObject([{ client: clientBefore, clock: 6, length: 1 }])
    expect(error?.bytes).toBeGreaterThan(50_000)
    expect(error?.details.error?.['limit']).toBe(20_000)
    expect([provider.saved, provider.unsaved?.why]).toEqual([false, 'too-large'])
    expect(provider.unsaved?.bytes).toBeGreaterThan(50_000)
    text.insert(0, 'more ')
    await until({ provider, doc }, () => provider.unsaved?.bytes !== undefined)
    provider.disconnect()
    expect(provider.unsaved?.why).toBe('offline')
    void provider.connect()
    await until({ provider, doc }, () => provider.unsaved?.why === 'too-large')
    expect([told.length, errors.length]).toEqual([1, 1])
  })

  test('does not block what is typed after it, by another client id, as which the person is present too', async () => {
    const { provider, server, text, posts, doc, awareness, clientBefore } = await withLarge()
    expect([doc.clientID === clientBefore, awareness.clientID === doc.clientID]).toEqual([false, true])
    expect([...awareness.getStates()]).toEqual([[doc.clientID, { user: { name: 'ada' } }]])
    const before = posts().length
    text.insert(0, 'later ')
    const landed = () =>
      posts()
        .slice(before)
        .some(({ status }) => status === 200)
    text.insert(0, 'even ')
    while (!landed()) await new Promise(resolve => setImmediate(resolve))
    expect(await textOf(server)).toMatch(/later before/)
    expect([provider.saved, provider.unsaved?.why]).toEqual([false, 'too-large'])
    expect(posts().filter(({ status }) => status === 413).length).toBe(1)
  })

  test('does not keep back what an app edits when it is told', async () => {
    const server = await served(over, small)
    const ada = opened(over, server)
    await ada.provider.whenSynced()
    ada.provider.on('too-large', () => ada.text.insert(0, 'undone'))
    ada.doc.getArray('list').insert(0, [new Uint8Array(50_000)])
    while (ada.posts().at(-1)?.status !== 200) await new Promise(resolve => setImmediate(resolve))
    expect(await textOf(server)).toBe('undone')
  })

  test('goes when it is deleted, with everything that waited for it', async () => {
    const { provider, server, list, text } = await withLarge()
    text.insert(0, 'later ')
    list.delete(0, 1)
    await provider.whenSaved()
    expect(await textOf(server)).toBe('later before with')
    expect(provider.unsaved).toBeUndefined()
  })

  test('goes when it is undone, although the undo manager keeps it', async () => {
    const { provider, server, undo, list, posts } = await withLarge()
    undo.undo()
    expect(list.length).toBe(0)
    await provider.whenSaved()
    expect(await textOf(server)).toBe('before with')
    const taken = posts().filter(({ status }) => status < 300)
    expect(Math.max(...taken.map(({ bytes }) => bytes))).toBeLessThan(1_000)
    undo.redo()
    await until({ provider, doc: provider.doc }, () => provider.unsaved?.why === 'too-large')
    undo.undo()
    await provider.whenSaved()
  })

  test('passes where the server takes more, in a request of its own', async () => {
    const server = await served(over)
    const ada = opened(over, server)
    ada.doc.getArray('list').insert(0, ['a', new Uint8Array(3 * megabyte), 'b'])
    await ada.provider.whenSaved()
    expect(ada.posts().map(({ bytes }) => bytes > megabyte)).toEqual([false, true, false])
    expect((await readBack(over, server)).getArray('list').length).toBe(3)
  })
})

describe('What the server refuses for what it is', () => {
  const deep = (levels: number) => {
    let value: unknown = 1
    for (let level = 0; level < levels; level++) value = [value]
    return value
  }

  test('[rejected] stays behind alone: what came before it, with it and after it is saved', async () => {
    const server = await served(over)
    const ada = opened(over, server)
    await ada.provider.whenSynced()
    const list = ada.doc.getArray<unknown>('list')
    ada.text.insert(0, 'before')
    const other = new Y.Doc()
    other.getText('text').insert(0, 'imported ')
    Y.applyUpdate(ada.doc, Y.encodeStateAsUpdate(other))
    list.insert(0, [deep(600)])
    await until(ada, () => ada.told.length > 0)
    const [[event, error] = []] = ada.told
    expect([event, error?.code, error?.fatal]).toEqual(['rejected', ErrorCode.malformedUpdate, false])
    expect(ada.provider.unsaved?.why).toBe('rejected')
    ada.text.insert(0, 'after ')
    const isThere = async () => (await readBack(over, server)).getText('text').toString().length === 21
    while (!(await isThere()));
    expect(ada.provider.saved).toBe(false)
    list.delete(0, 1)
    await ada.provider.whenSaved()
    expect(ada.told.length).toBe(1)
  })

  test('is divided where only a limit on what one update holds is in the way', async () => {
    const server = await served(over, { limits: { updateStructs: 100 } })
    const doc = new Y.Doc()
    for (let at = 0; at < 500; at++) doc.getText('text').insert(0, 'a')
    const ada = opened(over, server, { doc })
    await ada.provider.whenSynced()
    expect((await readBack(over, server)).getText('text').length).toBe(500)
    expect(ada.told).toEqual([])
  })

  test('stops the sending, not the reading, where everything is refused', async () => {
    const server = await served(over)
    let refuses = true
    const ada = opened(over, server, {
      fetch: async (input, init) =>
        refuses && init?.method === 'POST' ? new Response('no', { status: 422 }) : fetch(input, init),
    })
    await ada.provider.whenSynced()
    for (let client = 1; client < 40; client++) {
      const other = new Y.Doc()
      other.clientID = client
      other.getText('text').insert(0, `${client} `)
      Y.applyUpdate(ada.doc, Y.encodeStateAsUpdate(other))
    }
    await until(ada, () => ada.told.some(([, { ranges }]) => ranges.length === 0))
    expect(ada.posts().length).toBeLessThan(100)
    expect([ada.provider.status, ada.provider.unsaved?.why]).toEqual(['connected', 'rejected'])
    const bob = opened(over, server)
    bob.text.insert(0, 'hello')
    await until(ada, () => ada.text.toString().includes('hello'))
    refuses = false
    ada.provider.disconnect()
    void ada.provider.connect()
    await ada.provider.whenSaved()
    expect((await readBack(over, server)).getText('text').toString()).toBe(ada.text.toString())
  })
})
