import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { expect, vi } from 'vitest'
import * as Y from 'yjs'
import type { Service } from './target.ts'

/** The protocol by hand: fetch, yjs and lib0, with every name as the text spells it. */

/** Long enough for a busy machine; who waits longer waits for something that will not come. */
const patience = { timeout: 20_000, interval: 20 }

/** Resolves when `check` no longer throws. */
export const eventually = <Result>(check: () => Result | Promise<Result>): Promise<Result> =>
  vi.waitFor(check, patience)

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

const binary = { 'Content-Type': 'application/octet-stream' }
let documents = 0

export class Document {
  readonly name: string
  readonly url: string

  constructor({ baseUrl }: Pick<Service, 'baseUrl'>, name = `d${Date.now().toString(36)}-${documents++}`) {
    this.name = name
    this.url = `${baseUrl}/docs/${name}`
  }

  static async created(service: Pick<Service, 'baseUrl'>): Promise<Document> {
    const document = new Document(service)
    expect((await document.ask('PUT')).status).toBe(201)
    return document
  }

  /** Does not follow redirects. */
  ask(method: string, query = '', { headers, body }: Asked = {}): Promise<Response> {
    return fetch(`${this.url}${query}`, {
      method,
      redirect: 'manual',
      ...(headers && { headers }),
      ...(body && { body: body as Uint8Array<ArrayBuffer> }),
    })
  }

  get(query: string): Promise<Response> {
    return this.ask('GET', query)
  }

  post(body: Uint8Array, query = ''): Promise<Response> {
    return this.ask('POST', query, { headers: binary, body })
  }

  /** @returns the offset after these updates */
  async write(...updates: readonly Uint8Array[]): Promise<string> {
    const answer = await this.post(framed(...updates))
    expect(answer.status).toBe(204)
    return nextOf(answer)
  }

  /** Everything from an offset on, and the offset behind it. */
  async readFrom(
    offset: string,
  ): Promise<{ readonly updates: readonly Uint8Array[]; readonly next: string }> {
    const updates: Uint8Array[] = []
    for (let next = offset; ; ) {
      const answer = await this.get(`?offset=${next}`)
      expect(answer.status).toBe(200)
      updates.push(...unframed(await bytesOf(answer)))
      next = nextOf(answer)
      if (answer.headers.get('stream-up-to-date') === 'true') return { updates, next }
    }
  }

  async tail(): Promise<string> {
    return nextOf(await this.ask('HEAD'))
  }

  /** Where `offset=snapshot` leads to: the value of `offset` there. */
  async discovered(): Promise<string> {
    const answer = await this.get('?offset=snapshot')
    expect(answer.status).toBe(307)
    const to = new URL(answer.headers.get('location') ?? '', this.url)
    expect(to.origin + to.pathname).toBe(this.url)
    return to.searchParams.get('offset') ?? ''
  }

  /** The name of a snapshot other than `before`, once there is one. */
  snapshot(before?: string): Promise<string> {
    return eventually(async () => {
      const found = await this.discovered()
      expect(found).toMatch(/_snapshot$/)
      expect(found).not.toBe(before)
      return found
    })
  }
}

export const framed = (...updates: readonly Uint8Array[]): Uint8Array => {
  const encoder = encoding.createEncoder()
  for (const update of updates) encoding.writeVarUint8Array(encoder, update)
  return encoding.toUint8Array(encoder)
}

export const unframed = (bytes: Uint8Array): readonly Uint8Array[] => {
  const updates: Uint8Array[] = []
  const decoder = decoding.createDecoder(bytes)
  while (decoding.hasContent(decoder)) updates.push(decoding.readVarUint8Array(decoder))
  return updates
}

export const bytesOf = async (answer: Response): Promise<Uint8Array> =>
  new Uint8Array(await answer.arrayBuffer())

export const nextOf = (answer: Response): string => {
  const next = answer.headers.get('stream-next-offset') ?? ''
  expect(next).not.toBe('')
  return next
}

/** Section 10: every error is JSON with a code and a sentence. */
export const expectError = async (answer: Response, status: number, code: string): Promise<void> => {
  const body: unknown = await answer.json()
  expect([answer.status, body]).toEqual([
    status,
    { error: expect.objectContaining({ code, message: expect.stringMatching(/\w/) }) },
  ])
}

/** The text of a document made of these updates, none of which may wait for another. */
export const textOf = (...updates: readonly Uint8Array[]): string => {
  const doc = new Y.Doc()
  for (const update of updates) Y.applyUpdate(doc, update)
  expect(doc.store.pendingStructs ?? doc.store.pendingDs).toBeNull()
  return doc.getText('body').toString()
}

/** Somebody who writes: each call types at the end and gives the update that says so. */
export const typist = (): ((text: string) => Uint8Array) => {
  const doc = new Y.Doc()
  return text => {
    const before = Y.encodeStateVector(doc)
    doc.getText('body').insert(doc.getText('body').length, text)
    return Y.encodeStateAsUpdate(doc, before)
  }
}
