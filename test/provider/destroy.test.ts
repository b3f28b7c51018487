import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { decodeFrames, Path, readUpdate, snapshotLimits } from '../../protocol/index.ts'
import { DurableStreamsProvider } from '../../provider/index.ts'
import { type Server, startServer } from '../../server/index.ts'

let server: Server | undefined
afterEach(() => server?.close())

test('what was typed a moment before a provider is destroyed still leaves', async () => {
  server = await startServer({ port: 0, store: 'memory' })
  const url = `${server.url}${Path.yjs}s`
  const open = (doc: Y.Doc) => new DurableStreamsProvider(doc, { url, name: 'd', awareness: false })
  const doc = new Y.Doc()
  const provider = open(doc)
  await provider.whenSynced()
  doc.getText('text').insert(0, 'the last word')
  provider.destroy()

  const later = new Y.Doc()
  const reader = open(later)
  await vi.waitFor(() => expect(later.getText('text').toString()).toBe('the last word'), 10_000)
  reader.destroy()
})

test.each(['arrives', 'is lost'])(
  'so does what was typed while a request is under way that %s, and the log has all of it once',
  async fate => {
    server = await startServer({ port: 0, store: 'memory' })
    const url = `${server.url}${Path.yjs}s`
    const doc = new Y.Doc()
    const posts: Promise<unknown>[] = []
    /** No answer of the first POST comes back, whether it arrives or not. */
    const way: typeof fetch = (input, init) => {
      if (init?.method !== 'POST' || posts.length > 0) return fetch(input, init)
      const { signal: _signal, ...rest } = init
      posts.push(fate === 'arrives' ? fetch(input, rest) : Promise.resolve())
      return new Promise((_resolve, reject) => {
        init.signal?.addEventListener('abort', () => reject(new TypeError('gone')))
      })
    }
    const provider = new DurableStreamsProvider(doc, {
      url,
      name: 'd',
      awareness: false,
      env: { fetch: way },
    })
    await provider.whenSynced()
    const text = doc.getText('text')
    text.insert(0, 'one ')
    await vi.waitFor(() => expect(posts).toHaveLength(1), 10_000)
    await posts[0]
    text.insert(text.length, 'two')
    provider.destroy()

    const later = new Y.Doc()
    const reader = new DurableStreamsProvider(later, { url, name: 'd', awareness: false })
    await vi.waitFor(() => expect(later.getText('text').toString()).toBe('one two'), 10_000)
    reader.destroy()
    const log = decodeFrames(new Uint8Array(await (await fetch(`${url}/docs/d?offset=-1`)).arrayBuffer()))
    const structs = log.flatMap(update => [...readUpdate(update, snapshotLimits).structs])
    expect(structs.reduce((sum, { length }) => sum + length, 0)).toBe('one two'.length)
  },
)
