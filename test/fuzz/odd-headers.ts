import { ContentType, Header } from '../../protocol/index.ts'
import type { Choices } from './choices.ts'

/** Header fields as no client should send them. */
export type Field = readonly [name: string, value: string]

/** Those that a request says something with come often. */
const spoken: readonly [string, ...string[]] = [
  'Content-Type',
  ...Array.from({ length: 4 }, () => [
    'Content-Type',
    'Content-Type',
    'If-None-Match',
    'Content-Encoding',
    Header.closed,
    Header.ttl,
    Header.expiresAt,
    Header.seq,
    Header.producerId,
    Header.producerEpoch,
    Header.producerSeq,
    Header.forkedFrom,
    Header.forkOffset,
    Header.forkSubOffset,
  ]).flat(),
  ...Object.values(Header),
]
/** Those that say where a request ends or what the connection is for: with them a request may be no request. */
const framing = ['Transfer-Encoding', 'Connection', 'Upgrade', 'Expect', 'Host', 'TE', 'Trailer'] as const
const bystanders = [
  'Range',
  'If-Match',
  'If-Modified-Since',
  'Accept',
  'Accept-Encoding',
  'Origin',
  'Access-Control-Request-Method',
  'Access-Control-Request-Headers',
  'Authorization',
  'Cookie',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'Forwarded',
  'Last-Event-ID',
  'User-Agent',
  'Referer',
  'X-HTTP-Method-Override',
  'HTTP2-Settings',
  'Keep-Alive',
  '__proto__',
  'constructor',
  `x${'-long'.repeat(60)}`,
] as const
/** No tokens, so no names. */
const unnamed = ['bad name', 'bad(name', '', ' leading', 'trailing ', 'n\u00e4me', 'nul\u0000'] as const

const values: Readonly<Record<string, readonly [string, ...string[]]>> = {
  'content-type': [
    ContentType.binary,
    ContentType.json,
    'text/plain',
    'TEXT/Plain; Charset="UTF-8"',
    'application/json; charset=latin1',
    'text/event-stream',
    'multipart/form-data; boundary=x',
    'a/b;c="d;e\\"f"',
    'application/vnd.api+json',
    '/',
    'text',
    ';',
    'text/',
  ],
  'content-encoding': ['identity', 'gzip', 'br', 'gzip, identity', 'IDENTITY', 'x'],
  'transfer-encoding': [
    'chunked',
    'gzip',
    'gzip, chunked',
    'chunked, chunked',
    'identity',
    'Chunked',
    'chunked;x=1',
    ' chunked',
    'x-chunked',
  ],
  connection: [
    'close',
    'keep-alive',
    'upgrade',
    'close, keep-alive',
    'Content-Type',
    'x, y',
    'Transfer-Encoding',
  ],
  upgrade: ['websocket', 'h2c', 'TLS/1.2', 'x'],
  expect: ['100-continue', '100-Continue', '200-ok', 'x'],
  host: [
    '',
    'a b',
    'evil.example:99999',
    '[::1',
    'user@host',
    'host/path',
    'host#x',
    'host?x',
    'ü',
    '%',
    '..',
    'a'.repeat(300),
    ':',
    '-1',
    '127.0.0.1:0',
  ],
  'if-none-match': ['*', '"', '""', 'W/"', '"a", "b"', ',,,', '"*"'],
  range: ['bytes=0-0', 'bytes=-1', 'bytes=5-1', 'x=1', 'bytes=0-0,1-1'],
  origin: ['null', '*', 'http://a, http://b', 'x'],
  'stream-closed': ['true', 'TRUE', 'false', '1', 'yes', 'true, true', 'true '],
  'stream-expires-at': [
    '2030-01-01T00:00:00Z',
    '2030-01-01',
    '9999-12-31T23:59:60Z',
    '0000-01-01T00:00:00Z',
    '1969-12-31T23:59:59.999Z',
    '2030-02-30T00:00:00Z',
    '+010000-01-01T00:00:00Z',
    '2030-01-01T00:00:00+25:00',
    '9999-12-31T23:59:59-23:59',
    '2030-01-01T24:00:00Z',
  ],
  'producer-id': ['p', 'a'.repeat(256), 'a'.repeat(257), '__proto__', 'a,b', 'p\u00fc', ' '],
  'stream-forked-from': [
    '/v1/stream/none',
    'none',
    '/',
    '',
    '//',
    '/v1/stream/../x',
    'http://host/v1/stream/x',
    '%00',
    '?',
  ],
}

const anyValue = [
  '',
  ' ',
  '0',
  '1',
  '-1',
  '-0',
  '+1',
  '00',
  '01',
  '1.0',
  '1e3',
  '0x1',
  '1 ',
  '9007199254740990',
  '9007199254740991',
  '9007199254740992',
  '18446744073709551616',
  '9'.repeat(400),
  'NaN',
  'Infinity',
  'true',
  'null',
  '*',
  '"',
  ',',
  ';',
  '=',
  '{}',
  '[]',
  '../..',
  '%00',
  '%0d%0a',
  '__proto__',
  'a, b',
  '\t',
  'a\tb',
  '\u00ff\u00fe',
  'h\u00e9',
  '-1_snapshot',
  'now',
  'a'.repeat(4000),
  'a'.repeat(15_000),
  'a'.repeat(17_000),
] as const
/** Not to be in a value at all. */
const broken = [
  '\u0000',
  'a\u0000b',
  '\u007f',
  '\u000b',
  'a\r\n b',
  'a\r\n\tb',
  'a\r\nX-Injected: 1',
  'a\nb',
  'a\rb',
  '\r\n',
  '\u001b[31m',
] as const

const cased = (choices: Choices, name: string): string => {
  switch (choices.below(4)) {
    case 1:
      return name.toLowerCase()
    case 2:
      return name.toUpperCase()
    case 3:
      return [...name].map((letter, at) => (at % 2 ? letter.toUpperCase() : letter.toLowerCase())).join('')
    default:
      return name
  }
}

const oddValue = (choices: Choices, name: string): string => {
  const own = Object.hasOwn(values, name.toLowerCase()) ? values[name.toLowerCase()] : undefined
  if (choices.happens(6)) return choices.oneOf(broken)
  return own && choices.happens(60) ? choices.oneOf(own) : choices.oneOf(anyValue)
}

const names: Readonly<
  Record<'spoken' | 'bystander' | 'framing' | 'unnamed', readonly [string, ...string[]]>
> = {
  spoken,
  bystander: bystanders,
  framing,
  unnamed,
}

const isPrintable = (value: string): boolean => /^[\t -~\u0080-\u00ff]*$/.test(value)

export interface Odd {
  readonly fields: readonly Field[]
  /** Whether these may make the request something else than it seems: then also its end is an answer. */
  readonly breaks: boolean
}

/** One to five odd fields, some of them twice. */
export const oddHeaders = (choices: Choices): Odd => {
  const fields: Field[] = []
  let breaks = false
  for (let left = choices.whole(1, 5); left > 0; left--) {
    const kind = choices.weighted({ spoken: 12, bystander: 4, framing: 2, unnamed: 1, crowd: 1 })
    if (kind === 'crowd') {
      const crowd = choices.oneOf([63, 64, 65, 130, 2100])
      for (let at = 0; at < crowd; at++) fields.push([`x-${at}`, ''])
      breaks = true
      continue
    }
    const name = choices.oneOf(names[kind])
    const value = oddValue(choices, name)
    fields.push([cased(choices, name), value])
    if (choices.happens(15)) {
      fields.push([cased(choices, name), choices.happens(50) ? value : oddValue(choices, name)])
    }
    if (kind === 'framing' || kind === 'unnamed') breaks = true
  }
  if (fields.some(([, value]) => !isPrintable(value))) breaks = true
  const size = fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0)
  return { fields, breaks: breaks || size > 14_000 }
}
