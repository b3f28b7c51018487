import * as Y from 'yjs'
import { DurableStream } from '../../client/index.ts'
import { Path } from '../../protocol/index.ts'
import { DurableStreamsProvider, type ProviderError, type ProviderOptions } from '../../provider/index.ts'
import { type Server, startServer } from '../../server/index.ts'

/** A real server, and providers of documents with subdocuments. */
export class House {
  readonly server: Server
  /** Method, path within the service and query of every request. */
  readonly requests: string[] = []
  readonly errors: ProviderError[] = []
  readonly #providers: DurableStreamsProvider[] = []
  #posts: Promise<void> = Promise.resolve()

  private constructor(server: Server) {
    this.server = server
  }

  static async open(): Promise<House> {
    return new House(await startServer({ port: 0, store: 'memory' }))
  }

  provider(name: string, more: ProviderOptions = {}, doc = new Y.Doc()): DurableStreamsProvider {
    const provider = new DurableStreamsProvider(doc, {
      url: `${this.server.url}${Path.yjs}s`,
      name,
      subdocs: true,
      env: { fetch: this.#fetch },
      ...more,
    })
    provider.on('error', error => this.errors.push(error))
    this.#providers.push(provider)
    return provider
  }

  readonly #fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const { pathname, search } = new URL(request.url)
    this.requests.push(
      `${request.method} ${pathname.replace(`${Path.yjs}s/${Path.documents}/`, '')}${search}`,
    )
    if (request.method === 'POST') await this.#posts
    return fetch(request)
  }

  /** Nothing is sent until the answer is called. */
  closePosts(): () => void {
    let open = () => {}
    this.#posts = new Promise(resolve => {
      open = resolve
    })
    return open
  }

  /** What the log at a path makes of a document's text `t`. */
  async text(path: string): Promise<string> {
    const doc = new Y.Doc()
    const reader = this.provider(path, { awareness: false, create: false, subdocs: false }, doc)
    await reader.whenSynced()
    reader.destroy()
    return doc.getText('t').toString()
  }

  async exists(path: string): Promise<boolean> {
    const stream = new DurableStream({ url: `${this.server.url}${Path.yjs}s/${Path.documents}/${path}` })
    return stream.head().then(
      () => true,
      () => false,
    )
  }

  /** What a test leaves. */
  clear(): void {
    for (const provider of this.#providers.splice(0)) provider.destroy()
    this.requests.splice(0)
    this.errors.splice(0)
    this.#posts = Promise.resolve()
  }

  async close(): Promise<void> {
    this.clear()
    await this.server.close()
  }
}
