import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest'
import { ContentType, ErrorCode, Header, Live, Path, Query, Sentinel } from '../../protocol/index.ts'
import { type Server, type ServerOptions, startServer } from '../../server/index.ts'
import { inlineOffload, stream } from '../http/fixture.ts'
import { RawConnection } from '../process/raw.ts'

// For machines that do a lot of other things.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
}

export interface Asked {
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Uint8Array
  /** The Content-Type of the body. */
  readonly type?: string
  /** Whether the body goes without saying its length. */
  readonly chunked?: boolean
}

const codes = new Set<string>(Object.values(ErrorCode))

/** What every answer of this server has in common: nosniff always, and the shape of an error. */
export const expectHouseStyle = (answer: Answer, method = 'GET'): void => {
  expect(answer.headers['x-content-type-options']).toBe('nosniff')
  expect(answer.headers['cross-origin-resource-policy']).toBe('cross-origin')
  if (answer.status < 400) return
  expect(answer.headers['content-type']).toBe(ContentType.json)
  expect(answer.headers['cache-control']).toBe('no-store')
  if (method === 'HEAD') return
  expect(codes).toContain(codeOf(answer))
  const { error } = JSON.parse(answer.text) as { error: { message: string } }
  expect(error.message.length).toBeGreaterThan(10)
}

/** The code of an error answer. */
export const codeOf = ({ text }: Answer): unknown =>
  (JSON.parse(text) as { error: { code: unknown } }).error.code

/** The status of an answer and the code of its error. */
export const verdictOf = (answer: Answer): readonly [number, unknown] => [
  answer.status,
  answer.status >= 400 ? codeOf(answer) : undefined,
]

export const header = (answer: Answer, name: string): string | undefined => {
  const value = answer.headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(', ') : value
}

/** A target with more parameters. */
export const and = (target: string, query: Record<string, string>): string =>
  `${target}${target.includes('?') ? '&' : '?'}${new URLSearchParams(query)}`

const hasBody = (method: string): boolean => method !== 'GET' && method !== 'HEAD'

/** One request on a connection of its own; the target goes over the wire as it is. */
export const ask = async (
  url: string,
  method: string,
  target: string,
  { headers = {}, body, type, chunked = false }: Asked = {},
): Promise<Answer> => {
  const { hostname, port } = new URL(url)
  const sent = request({
    hostname,
    port,
    method,
    path: target,
    agent: false,
    headers: {
      ...(type !== undefined && { 'Content-Type': type }),
      ...(chunked && { 'Transfer-Encoding': 'chunked' }),
      ...(!chunked && hasBody(method) && { 'Content-Length': Buffer.byteLength(body ?? '') }),
      ...headers,
    },
  })
  // A server that refuses a body may close before it has all of it.
  sent.on('error', () => undefined)
  sent.end(body)
  const [incoming] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const bytes = Buffer.concat(chunks)
  const answer = {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    body: bytes,
    text: bytes.toString(),
  }
  expectHouseStyle(answer, method)
  return answer
}

/** A server under attack, somebody who uses it meanwhile, and what a test asks of both. */
export class Arena {
  readonly url: string
  #count = 0

  constructor(url: string) {
    this.url = url
  }

  ask(method: string, target: string, asked?: Asked): Promise<Answer> {
    return ask(this.url, method, target, asked)
  }

  connect(): Promise<RawConnection> {
    return RawConnection.open(this.url)
  }

  /** A name no other test has. */
  fresh(): string {
    this.#count++
    return `fresh-${this.#count}`
  }

  /** A stream of its own, of text. */
  async stream(body = '', asked: Asked = {}): Promise<string> {
    const target = stream(this.fresh())
    const answer = await this.ask('PUT', target, { type: 'text/plain', body, ...asked })
    expect(answer.status).toBe(201)
    return target
  }

  /** A document of its own. */
  async document(body?: Uint8Array): Promise<string> {
    const target = `${Path.yjs}svc/${Path.documents}/${this.fresh()}`
    const answer = await this.ask('PUT', target, body ? { type: ContentType.binary, body } : {})
    expect(answer.status).toBe(201)
    return target
  }

  /** Everything there is to see of a stream. */
  async stateOf(target: string): Promise<readonly unknown[]> {
    const head = await this.ask('HEAD', target)
    if (head.status !== 200) return [head.status]
    const content = await this.ask('GET', and(target, { [Query.offset]: Sentinel.start }))
    return [header(head, Header.nextOffset), header(head, Header.closed), content.text]
  }

  /** Runs `attack` and expects the stream to be as it was. */
  async untouched<Result>(target: string, attack: () => Promise<Result>): Promise<Result> {
    const before = await this.stateOf(target)
    const result = await attack()
    expect(await this.stateOf(target)).toEqual(before)
    return result
  }

  /** A live read by SSE, as far as the end of its head. */
  async follow(target: string, offset: string): Promise<RawConnection> {
    const connection = await this.connect()
    connection.send(
      `GET ${and(target, { [Query.offset]: offset, [Query.live]: Live.sse })} HTTP/1.1\r\nHost: arena\r\n\r\n`,
    )
    await connection.until(/\r\n\r\n/)
    return connection
  }
}

/** Somebody with an open live read and a stream of their own, who must not notice anything. */
class Neighbour {
  readonly #arena: Arena
  readonly #target = stream('neighbour')
  #reader: RawConnection | undefined
  #posts = 0

  constructor(arena: Arena) {
    this.#arena = arena
  }

  async moveIn(): Promise<void> {
    await this.#arena.ask('PUT', this.#target, { type: 'text/plain' })
    this.#reader = await this.#arena.follow(this.#target, Sentinel.start)
  }

  /** Writes, and reads it over the connection opened in the beginning. */
  async expectPeace(): Promise<void> {
    const text = `still here ${++this.#posts}`
    // With a line of its own: appends that come together arrive together.
    const answer = await this.#arena.ask('POST', this.#target, { type: 'text/plain', body: `${text}\n` })
    expect(answer.status).toBe(204)
    await this.#reader?.until(new RegExp(`data:${text}\n`))
  }

  moveOut(): void {
    this.#reader?.close()
  }
}

/** Starts a server on a port of its own, with its data in a directory that is gone afterwards, or in the one given. */
export const open = async (
  options: ServerOptions = {},
): Promise<{ server: Server; arena: Arena; close: () => Promise<void> }> => {
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'arena-')))
  const server = await startServer({ port: 0, store: 'lmdb', offload: inlineOffload, ...options, data })
  const close = async () => {
    await server.close()
    if (options.data === undefined) await rm(data, { recursive: true, force: true })
  }
  return { server, arena: new Arena(server.url), close }
}

/** The server of a test file; after every test its neighbour must be undisturbed. */
export const useArena = (options: ServerOptions = {}): (() => Arena) => {
  let opened: Awaited<ReturnType<typeof open>> | undefined
  let neighbour: Neighbour | undefined
  beforeAll(async () => {
    opened = await open({ ...options, limits: { sseMs: 24 * 3_600_000, ...options.limits } })
    neighbour = new Neighbour(opened.arena)
    await neighbour.moveIn()
  })
  afterEach(() => neighbour?.expectPeace())
  afterAll(async () => {
    neighbour?.moveOut()
    await opened?.close()
  })
  return () => {
    if (!opened) throw new Error('the server is not up yet')
    return opened.arena
  }
}
