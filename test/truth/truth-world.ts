import * as Y from 'yjs'
import { Path } from '../../protocol/index.ts'
import {
  type Condition,
  DurableStreamsProvider,
  type ProviderError,
  type ProviderOptions,
  type World,
} from '../../provider/index.ts'
import { type Server, type ServerOptions, startServer } from '../../server/index.ts'

/** One request of a provider's, and how it was answered. */
export interface Seen {
  readonly method: string
  readonly url: URL
  readonly bytes: number
  /** 0 while there is no answer. */
  status: number
}

const events = [
  'unauthorized',
  'forbidden',
  'deleted',
  'reset',
  'too-large',
  'rejected',
] as const satisfies readonly Condition[]

/** What ends with the test, in the reverse order of its beginning. */
export class Endings {
  readonly #over: (() => void | Promise<void>)[] = []

  add(end: () => void | Promise<void>): void {
    this.#over.push(end)
  }

  async run(): Promise<void> {
    for (const end of this.#over.splice(0).reverse()) await end()
  }
}

export const served = async (over: Endings, options: Partial<ServerOptions> = {}): Promise<Server> => {
  const server = await startServer({ port: 0, store: 'memory', ...options })
  over.add(() => server.close())
  return server
}

/** A provider that keeps what it was told, over a network of the test's. */
export const opened = (
  over: Endings,
  server: Pick<Server, 'url'>,
  options: Omit<ProviderOptions, 'env'> & {
    readonly doc?: Y.Doc
    readonly fetch?: typeof fetch
    readonly openLocal?: World['openLocal']
    readonly sleep?: World['sleep']
    /** What the tabs of one browser share. */
    readonly shared?: Pick<World, 'locks' | 'openChannel'>
  } = {},
) => {
  const { doc = new Y.Doc(), fetch: go = fetch, openLocal, sleep, shared, ...rest } = options
  const requests: Seen[] = []
  const seen: typeof fetch = async (input, init) => {
    const { body } = init ?? {}
    const bytes = body instanceof Uint8Array ? body.length : 0
    const request: Seen = { method: init?.method ?? 'GET', url: new URL(String(input)), bytes, status: 0 }
    requests.push(request)
    const answer = await go(input, init)
    request.status = answer.status
    return answer
  }
  const provider = new DurableStreamsProvider(doc, {
    url: `${server.url}${Path.yjs}s`,
    name: 'd',
    awareness: false,
    ...rest,
    env: { fetch: seen, openLocal, ...(sleep && { sleep }), ...shared },
  })
  const errors: ProviderError[] = []
  const told: [string, ProviderError][] = []
  const readonly: boolean[] = []
  provider.on('error', error => errors.push(error))
  provider.on('readonly', is => readonly.push(is))
  for (const event of events) provider.on(event, error => told.push([event, error]))
  over.add(() => provider.destroy())
  const posts = () => requests.filter(({ method }) => method === 'POST')
  return { doc, provider, errors, told, readonly, requests, posts, text: doc.getText('text') }
}

/** What somebody who comes now reads. */
export const readBack = async (over: Endings, server: Pick<Server, 'url'>): Promise<Y.Doc> => {
  const { provider, doc } = opened(over, server)
  await provider.whenSynced()
  provider.destroy()
  return doc
}

/** Resolves when it is so, by looking again at each of the provider's events. */
export const until = (
  { provider, doc }: { readonly provider: DurableStreamsProvider; readonly doc: Y.Doc },
  is: () => boolean,
): Promise<void> =>
  new Promise(resolve => {
    const look = () => {
      if (is()) resolve()
    }
    for (const event of ['status', 'sync', 'saved', 'error', 'readonly', ...events] as const)
      provider.on(event, look)
    doc.on('update', look)
    look()
  })
