import { ContentType } from '../../../protocol/index.ts'
import type { Arena } from '../arena.ts'
import type { Choices } from '../choices.ts'
import { Finding } from '../finding.ts'
import { latin1, put } from '../request.ts'
import { mutateBytes } from '../update-mutations.ts'
import type { Wire } from '../wire.ts'

/** A request as bytes, and what is known of its end. */
interface Piece {
  readonly bytes: Buffer
  readonly method: string
  /** What it appends when it is acknowledged. Not known of requests whose end is a matter of opinion. */
  readonly body: string | undefined
  /** Whether it is a whole request and nothing but, one that HTTP forbids to take, or a matter of opinion. */
  readonly end: 'sound' | 'refused' | 'unclear'
}

const chunk = (text: string, extension = ''): string =>
  `${text.length.toString(16)}${extension}\r\n${text}\r\n`

const sizes = [
  '0x5',
  '-1',
  '+5',
  ' 5',
  '5 ',
  '',
  'g',
  'ffffffffffffffff',
  '100000000',
  '7fffffff',
  '00000000000000000005',
  '5\n',
  '5;',
  '5;a="',
  '\u0000',
  '5 5',
] as const
const lengths = [
  '-1',
  '+5',
  '5, 5',
  '5,6',
  '0x5',
  '5 5',
  '1e1',
  '99999999999999999999',
  '4294967301',
  'a',
  '5;',
  '\u00b2',
] as const

/** Requests to append `text`, most of them with something wrong about where they end. */
const piece = (choices: Choices, target: string, text: string, bodyBytes: number): Piece => {
  const head = (...fields: readonly string[]) =>
    [`POST ${target} HTTP/1.1`, 'Host: fuzz', `Content-Type: ${ContentType.binary}`, ...fields, '', ''].join(
      '\r\n',
    )
  const sound = (bytes: string): Piece => ({ bytes: latin1(bytes), method: 'POST', body: text, end: 'sound' })
  const refused = (bytes: string): Piece => ({
    bytes: latin1(bytes),
    method: 'POST',
    body: undefined,
    end: 'refused',
  })
  const unclear = (bytes: string, method = 'POST'): Piece => ({
    bytes: latin1(bytes),
    method,
    body: undefined,
    end: 'unclear',
  })
  const length = `Content-Length: ${text.length}`
  const chunked = 'Transfer-Encoding: chunked'
  const half = text.length >> 1
  switch (
    choices.weighted({
      plain: 4,
      chunks: 4,
      extensions: 2,
      trailers: 2,
      read: 2,
      badSize: 4,
      badLength: 4,
      both: 3,
      short: 2,
      long: 2,
      noise: 2,
      method: 2,
      version: 2,
      breaks: 3,
      large: 1,
      mutated: 6,
    })
  ) {
    case 'plain':
      return sound(head(length) + text)
    case 'chunks':
      return sound(`${head(chunked)}${chunk(text.slice(0, half))}${chunk(text.slice(half))}0\r\n\r\n`)
    case 'extensions':
      return sound(
        `${head(chunked)}${chunk(text, choices.oneOf([';a', ';a=b', ';a="b c"', `;a=${'b'.repeat(500)}`]))}0;last\r\n\r\n`,
      )
    case 'trailers':
      return sound(
        `${head(chunked, 'Trailer: X-Sum')}${chunk(text)}0\r\n${choices.oneOf(['X-Sum: 1', 'Host: other', 'Producer-Id: p'])}\r\n\r\n`,
      )
    case 'read':
      return {
        bytes: latin1(`GET ${target}?offset=-1 HTTP/1.1\r\nHost: fuzz\r\n\r\n`),
        method: 'GET',
        body: undefined,
        end: 'sound',
      }
    case 'badSize':
      return unclear(`${head(chunked)}${choices.oneOf(sizes)}\r\n${text}\r\n0\r\n\r\n`)
    case 'badLength':
      return refused(head(`Content-Length: ${choices.oneOf(lengths)}`) + text)
    case 'both':
      return refused(
        `${choices.happens(50) ? head(length, chunked) : head(chunked, length)}${chunk(text)}0\r\n\r\n`,
      )
    case 'short':
      return unclear(head(`Content-Length: ${half}`) + text)
    case 'long':
      return unclear(head(`Content-Length: ${text.length + 5}`) + text)
    case 'noise':
      return unclear(Buffer.from(choices.bytes(choices.whole(1, 60))).toString('latin1'), 'GET')
    case 'method': {
      const line = choices.oneOf([
        'GET',
        'TRACE',
        'CONNECT',
        'PRI',
        'get',
        'G\u00c9T',
        '',
        'A'.repeat(5000),
        'SOURCE',
        'DELETE\t',
      ])
      return unclear(`${line} ${target} HTTP/1.1\r\nHost: fuzz\r\n\r\n`, line)
    }
    case 'version': {
      const version = choices.oneOf([
        'HTTP/1.0',
        'HTTP/0.9',
        'HTTP/2.0',
        'HTTP/1.2',
        'HTTP/11',
        'http/1.1',
        'HTTP/1.1 ',
        'HTTP/1,1',
        '',
        'ICY',
        'RTSP/1.0',
      ])
      return unclear(`GET ${target} ${version}\r\n${choices.happens(50) ? 'Host: fuzz\r\n' : ''}\r\n`, 'GET')
    }
    case 'breaks':
      return unclear(
        choices.oneOf([
          'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
          '\u0016\u0003\u0001\u0002\u0000\u0001',
          '\r\n\r\n\r\n',
          '\n',
          'GET / HTTP/1.1\n\n',
          `GET ${target} HTTP/1.1\r\rHost: fuzz\r\r`,
          `GET ${target} HTTP/1.1\r\nHost: fuzz\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`,
          `GET ${target}?live=sse&offset=now HTTP/1.1\r\nHost: fuzz\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
          'GET / HTTP/1.1\r\n\r\n',
          'OPTIONS * HTTP/1.1\r\nHost: fuzz\r\n\r\n',
          'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
          'CONNECT fuzz:80 HTTP/1.1\r\nHost: fuzz:80\r\n\r\n',
        ]),
        'GET',
      )
    case 'large': {
      const most = bodyBytes + choices.whole(-1, 1)
      const body = `${text.slice(0, -1)}${'y'.repeat(most - text.length)}\n`
      const bytes = choices.happens(50)
        ? head(`Content-Length: ${most}`) + body
        : `${head(chunked)}${chunk(body)}0\r\n\r\n`
      return { bytes: latin1(bytes), method: 'POST', body, end: most <= bodyBytes ? 'sound' : 'refused' }
    }
    case 'mutated': {
      let bytes: Uint8Array = latin1(
        choices.happens(50) ? head(length) + text : `${head(chunked)}${chunk(text)}0\r\n\r\n`,
      )
      for (let left = choices.whole(1, 3); left > 0; left--) bytes = mutateBytes(choices, bytes)
      return { bytes: Buffer.from(bytes), method: 'POST', body: undefined, end: 'unclear' }
    }
  }
}

/** Everything HTTP/1.1 can get wrong about where a request begins and ends. */
export const wires = async (arena: Arena): Promise<void> => {
  const { choices, around } = arena
  const target = arena.stream()
  arena.expect(await arena.ask(put(target, ContentType.binary)), [201], 'Z13', 'a stream cannot be created')
  // What would be appended to if a body were taken for a request.
  const hidden = arena.stream()
  arena.expect(await arena.ask(put(hidden, ContentType.binary)), [201], 'Z13', 'a stream cannot be created')
  const smuggled = `POST ${hidden} HTTP/1.1\r\nHost: fuzz\r\nContent-Type: ${ContentType.binary}\r\nContent-Length: 1\r\n\r\nx`
  const wire = await arena.open()
  const acknowledged: string[] = []
  let isKnown = true
  const pipelined = choices.happens(40)
  const pieces = Array.from({ length: choices.whole(1, 4) }, (_, at) =>
    piece(choices, target, choices.happens(30) ? `${at}:${smuggled}\n` : `${at}\n`, around.bodyBytes),
  )
  const isClear = pieces.every(({ end }) => end !== 'unclear')
  if (pipelined) for (const { bytes } of pieces) await written(arena, wire, bytes)
  for (const { bytes, body, end, method } of pieces) {
    if (!pipelined) await written(arena, wire, bytes)
    if (choices.happens(5)) {
      isKnown = false
      leave(arena, wire, choices)
      break
    }
    if (end !== 'sound') await arena.hurry(wire)
    const answer = await arena.answerOrHead(wire, method)
    if (end === 'sound') {
      if (answer === 'ended' && pipelined && !isClear) {
        isKnown = false
        break
      }
      if (answer === 'ended')
        throw new Finding('Z1', 'a whole request was not answered: the connection ended')
      if (answer.status === 204 && body !== undefined) acknowledged.push(body)
      else if (method === 'POST') arena.expect(answer, [204], 'Z13', 'a whole append is refused')
      continue
    }
    if (end === 'refused' && answer !== 'ended' && answer.status < 400)
      throw new Finding('Z13', 'a request is taken whose end nobody knows')
    // Whether it was one request, and which, is a matter of opinion from here on.
    isKnown = end === 'refused' && !pipelined
    break
  }
  arena.drop(wire)
  await check(arena, target, isClear ? hidden : undefined, isKnown ? acknowledged : undefined)
}

/** In one piece, or cut anywhere. */
const written = async (arena: Arena, wire: Wire, bytes: Buffer): Promise<void> => {
  const { choices } = arena
  const cuts = choices.happens(50) ? 0 : choices.whole(1, 6)
  let from = 0
  for (let left = cuts; left > 0; left--) {
    const to = from + choices.below(bytes.length - from + 1)
    arena.write(wire, bytes.subarray(from, to))
    await wire.pushed()
    from = to
  }
  arena.write(wire, bytes.subarray(from))
}

const leave = (arena: Arena, wire: Wire, choices: Choices): void => {
  arena.say('leaves')
  if (choices.happens(50)) wire.reset()
  else wire.endWriting()
}

const check = async (
  arena: Arena,
  target: string,
  hidden: string | undefined,
  acknowledged: readonly string[] | undefined,
): Promise<void> => {
  const smuggled = hidden === undefined ? undefined : await arena.whole(hidden)
  if (smuggled && smuggled.length > 0) throw new Finding('Z6', 'a part of a body was taken for a request')
  const content = (await arena.whole(target)).toString('latin1')
  if (acknowledged && content !== acknowledged.join('')) {
    throw new Finding(
      'Z6',
      `the stream holds ${JSON.stringify(content.slice(0, 300))}, acknowledged was ${JSON.stringify(acknowledged.join('').slice(0, 300))}`,
    )
  }
}
