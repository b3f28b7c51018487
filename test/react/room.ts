import * as Y from 'yjs'
import { DurableStream } from '../../client/index.ts'
import { ErrorCode, Path } from '../../protocol/index.ts'
import { DurableStreamsProvider, type ProviderOptions } from '../../provider/index.ts'
import { type Server, startServer } from '../../server/index.ts'

/** A real server, and a network that counts and can be closed to POSTs. */
export class Room {
  readonly server: Server
  readonly requests: string[] = []
  /** Whether document edits are refused. */
  readOnly = false
  /** The header x-who of every request. */
  readonly who = new Set<string | null>()
  readonly #others: DurableStreamsProvider[] = []
  #posts: Promise<void> = Promise.resolve()

  private constructor(server: Server) {
    this.server = server
  }

  static async open(): Promise<Room> {
    return new Room(await startServer({ port: 0, store: 'memory' }))
  }

  /** Options anew each time, as a component writes them. */
  options(name: string, more: ProviderOptions = {}): ProviderOptions {
    return { url: new URL(`${this.server.url}${Path.yjs}s`), name, env: { fetch: this.#fetch }, ...more }
  }

  readonly #fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    this.requests.push(`${request.method} ${new URL(request.url).search}`)
    this.who.add(request.headers.get('x-who'))
    const isEdit = request.method === 'POST' && !request.url.includes('awareness')
    if (isEdit) await this.#posts
    if (!isEdit || !this.readOnly) return fetch(request)
    return Response.json({ error: { code: ErrorCode.readOnly, message: 'for reading' } }, { status: 403 })
  }

  /** Document edits are not let through until the answer is called. */
  closePosts(): () => void {
    let open = () => {}
    this.#posts = new Promise(resolve => {
      open = resolve
    })
    return open
  }

  /** Somebody else in the same document. */
  async other(name: string): Promise<DurableStreamsProvider> {
    const provider = new DurableStreamsProvider(new Y.Doc(), {
      url: `${this.server.url}${Path.yjs}s`,
      name,
    })
    this.#others.push(provider)
    await provider.whenSynced()
    return provider
  }

  /** How large the document's log is. */
  async logged(name: string): Promise<number> {
    const stream = new DurableStream({ url: `${this.server.url}${Path.yjs}s/${Path.documents}/${name}` })
    return (await stream.read()).bytes.length
  }

  async close(): Promise<void> {
    for (const provider of this.#others) provider.destroy()
    await this.server.close()
  }
}
