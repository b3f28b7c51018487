import { afterEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { ErrorCode, Path, Query } from '../../protocol/index.ts'
import { DurableStreamsProvider, type ProviderError } from '../../provider/index.ts'
import { type Server, startServer } from '../../server/index.ts'

const over: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const end of over.splice(0).reverse()) await end()
})

const served = async (): Promise<Server> => {
  const server = await startServer({ port: 0, store: 'memory' })
  over.push(() => server.close())
  return server
}

const opened = (server: Server, doc: Y.Doc, options: { fetch?: typeof fetch; connect?: boolean } = {}) => {
  const { fetch, ...rest } = options
  const errors: ProviderError[] = []
  const provider = new DurableStreamsProvider(doc, {
    url: `${server.url}${Path.yjs}s`,
    name: 'd',
    awareness: false,
    ...(fetch && { env: { fetch } }),
    ...rest,
  })
  provider.on('error', error => errors.push(error))
  over.push(() => provider.destroy())
  return { provider, errors }
}

const textOf = async (server: Server): Promise<string> => {
  const doc = new Y.Doc()
  await opened(server, doc).provider.whenSynced()
  return doc.getText('text').toString()
}

/** Something in between that acknowledges appends and throws them away, as long as it is told to. */
const lossy = () => {
  const way = { losing: false, lost: 0 }
  const go: typeof fetch = async (input, init) => {
    if (!way.losing || init?.method !== 'POST') return fetch(input, init)
    way.lost++
    const { searchParams } = new URL(String(input))
    expect([...searchParams.keys()]).toEqual([Query.basis])
    return new Response(null, { status: 204 })
  }
  return { way, fetch: go }
}

describe('[row 86] A document that lacks what an edit builds on', () => {
  test('is sent exactly that, and everything typed since', async () => {
    const server = await served()
    const { way, fetch } = lossy()
    const doc = new Y.Doc()
    const { provider, errors } = opened(server, doc, { fetch })
    const text = doc.getText('text')
    text.insert(0, 'one ')
    await provider.whenSaved()
    way.losing = true
    text.insert(4, 'two ')
    await provider.whenSaved()
    way.losing = false
    expect(way.lost).toBe(1)
    text.insert(8, 'three')
    await provider.whenSaved()
    expect(await textOf(server)).toBe('one two three')
    // What was lost had a number of its producer too.
    expect(errors.map(({ code }) => code)).toEqual([ErrorCode.producerGap, ErrorCode.causalGap])
    expect(errors.some(({ fatal }) => fatal)).toBe(false)
  })

  test('is not sent what this document itself still waits for', async () => {
    const server = await served()
    const author = new Y.Doc()
    const updates: Uint8Array[] = []
    author.on('update', update => updates.push(update))
    author.getText('text').insert(0, 'a')
    author.getText('text').insert(1, 'b')
    const [first, second] = updates as [Uint8Array, Uint8Array]
    const doc = new Y.Doc()
    Y.applyUpdate(doc, second)
    doc.getText('other').insert(0, 'mine')
    const { provider, errors } = opened(server, doc)
    await provider.whenSynced()
    expect(errors).toEqual([])
    Y.applyUpdate(doc, first)
    await provider.whenSaved()
    expect(await textOf(server)).toBe('ab')
  })
})
