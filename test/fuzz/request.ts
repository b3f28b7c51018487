import { ContentType, Header, Query } from '../../protocol/index.ts'

/** A request to be written out. Headers may repeat, be of any case, and hold any Latin-1 characters. */
export interface Request {
  readonly method: string
  /** The request target as it goes into the request line. */
  readonly target: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: Uint8Array
}

export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

/** The bytes of a request, with the Host and Content-Length it lacks. */
export const encodeRequest = ({ method, target, headers = [], body }: Request): Buffer => {
  const given = new Set(headers.map(([name]) => name.toLowerCase()))
  const lines = [`${method} ${target} HTTP/1.1`]
  if (!given.has('host')) lines.push('Host: fuzz')
  for (const [name, value] of headers) lines.push(`${name}: ${value}`)
  if (body && !given.has('content-length') && !given.has('transfer-encoding'))
    lines.push(`Content-Length: ${body.length}`)
  return Buffer.concat([latin1(`${lines.join('\r\n')}\r\n\r\n`), body ?? new Uint8Array()])
}

/** Whether a text may stand in a request line. */
export const isVisible = (text: string): boolean => /^[!-~]*$/.test(text)

export const withQuery = (target: string, query: Readonly<Record<string, string>>): string =>
  `${target}?${new URLSearchParams(query)}`

export const put = (target: string, contentType: string, body?: Uint8Array): Request => ({
  method: 'PUT',
  target,
  headers: [['Content-Type', contentType]],
  ...(body && { body }),
})

export const post = (
  target: string,
  body: Uint8Array,
  contentType: string = ContentType.binary,
  headers: readonly (readonly [string, string])[] = [],
): Request => ({ method: 'POST', target, headers: [['Content-Type', contentType], ...headers], body })

export const get = (target: string, query: Readonly<Record<string, string>> = {}): Request => ({
  method: 'GET',
  target: Object.keys(query).length > 0 ? withQuery(target, query) : target,
})

export const remove = (target: string): Request => ({ method: 'DELETE', target })

export const from = (offset: string): Record<string, string> => ({ [Query.offset]: offset })

export const producer = (id: string, epoch: number | string, seq: number | string): [string, string][] => [
  [Header.producerId, id],
  [Header.producerEpoch, String(epoch)],
  [Header.producerSeq, String(seq)],
]
