import { lookup, Resolver } from 'node:dns/promises'
import {
  type IncomingMessage,
  Agent as PlainAgent,
  type RequestOptions,
  request as requestPlain,
} from 'node:http'
import { request as requestTls, Agent as TlsAgent } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { hostOf, type Target } from './target.ts'

export interface WebhookRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface WebhookAnswer {
  readonly status: number
  readonly body: Uint8Array
}

/** Everything of the network that a test may want to decide. */
export interface Network {
  /**
   * The addresses of a host name, as the operator's machine knows it when `isNamed`, else as the public DNS does. Rejects
   * when it has none.
   */
  resolve(host: string, isNamed: boolean): Promise<readonly string[]>
  /**
   * One POST to one of the target's addresses and nowhere else; a redirect is an answer like any other. Rejects when
   * no whole answer of at most `answerBytes` came, and when `signal` fires.
   */
  post(
    target: Target,
    request: WebhookRequest,
    answerBytes: number,
    signal: AbortSignal,
  ): Promise<WebhookAnswer>
}

// No connection is kept: it would outlive the check of its address.
const agents = {
  'http:': new PlainAgent({ keepAlive: false }),
  'https:': new TlsAgent({ keepAlive: false }),
}

/**
 * Asks the DNS itself. `lookup` would wait in one of the few threads that also write to the disk, so that some slow name
 * servers could hold up every append.
 */
const fromDns = async (
  resolver: Pick<Resolver, 'resolve4' | 'resolve6'>,
  host: string,
): Promise<readonly string[]> => {
  const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  if (four.status === 'rejected' && six.status === 'rejected') throw four.reason
  return [four, six].flatMap(found => (found.status === 'fulfilled' ? found.value : []))
}

export const networkOver = (resolver: Pick<Resolver, 'resolve4' | 'resolve6'>): Network => ({
  resolve: async (host, isNamed) =>
    isNamed
      ? (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address)
      : fromDns(resolver, host),

  post: (target, { headers, body }, answerBytes, signal) =>
    new Promise((resolve, reject) => {
      const isPlain = target.url.protocol === 'http:'
      const options: RequestOptions = {
        method: 'POST',
        headers: { ...headers, 'Content-Length': Buffer.byteLength(body) },
        agent: isPlain ? agents['http:'] : agents['https:'],
        lookup: pinned(target.addresses),
        signal,
      }
      let isAnswered = false
      const outgoing = (isPlain ? requestPlain : requestTls)(target.url, options, incoming => {
        isAnswered = true
        wholeBody(incoming, answerBytes)
          .then(bytes => resolve({ status: incoming.statusCode ?? 0, body: bytes }))
          .catch(reject)
      })
      outgoing.once('error', reject)
      // Without an error it ends where a receiver would switch to another protocol.
      outgoing.once('close', () => {
        if (!isAnswered) reject(new Error('it gave no answer'))
      })
      outgoing.end(body)
    }),
})

export const realNetwork: Network = networkOver(new Resolver({ timeout: 2_000, tries: 2 }))

/** Answers with addresses that were checked, whatever the name resolves to by now. */
const pinned = (addresses: readonly string[]): LookupFunction => {
  const all = addresses.map(address => ({ address, family: isIP(address) }))
  return (_host, { all: wantsAll }, callback) => {
    const [first] = all
    if (!first) callback(new Error('there is no address to connect to'), [])
    else if (wantsAll) callback(null, all)
    else callback(null, first.address, first.family)
  }
}

const wholeBody = async (incoming: IncomingMessage, most: number): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > most) throw new Error(`its answer is larger than ${most} bytes`) // leaving the loop ends the connection
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The addresses of a URL's host; an address is its own. */
export const addressesOf = async (
  network: Pick<Network, 'resolve'>,
  url: URL,
  isNamed: boolean,
): Promise<readonly string[]> => {
  const host = hostOf(url)
  return isIP(host) === 0 ? network.resolve(host, isNamed) : [host]
}
