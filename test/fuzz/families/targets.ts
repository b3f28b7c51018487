import { ContentType, Live, Path, Query, ReservedSegment, Sentinel } from '../../../protocol/index.ts'
import type { Arena } from '../arena.ts'
import type { Choices } from '../choices.ts'
import { Finding } from '../finding.ts'
import { encodeRequest, isVisible, latin1, type Request, remove } from '../request.ts'
import type { Answer } from '../wire.ts'

const prefixes = [
  Path.streams,
  `${Path.yjs}fuzz/${Path.documents}/`,
  Path.yjs,
  `${Path.yjs}fuzz/`,
  '/v1/',
  '/',
  '//',
  '',
  `${Path.streams}${ReservedSegment}/`,
  '/v1/stream',
  '/v1//stream//',
  '/V1/stream/',
  '/v1/./stream/',
  '/v1/%73tream/',
  '/v1/yjs/fuzz%2fdocs/',
  'http://fuzz/v1/stream/',
  'http:///v1/stream/',
  'https://user:pw@[::1]:1/v1/stream/',
  'ftp://fuzz/',
  '*',
  'fuzz:80',
  '/healthz',
  '/readyz',
  '/metrics',
  '/v1/yjs/../stream/',
  `${Path.streams}${ReservedSegment}/subscriptions/`,
  `${Path.streams}${ReservedSegment}/jwks.json`,
  '\\v1\\stream\\',
  '/v1/yjs/fuzz/DOCS/',
] as const
const segments = [
  'a',
  '.',
  '..',
  '...',
  '%2e',
  '%2e%2e',
  '%2E.',
  '%252e%252e',
  '..%2f',
  '%2f',
  '%5c',
  '\\',
  '%00',
  '%0d%0a',
  '%ff',
  '%c3%28',
  '%c3%bc',
  '%u0041',
  '%',
  '%1',
  '%zz',
  '%f0%9f%98%80',
  '%ed%a0%80',
  '\u00fc',
  '\u0000',
  ' ',
  '%20',
  '\t',
  '+',
  '@',
  '~',
  ';',
  ',',
  ':',
  '[',
  ']',
  '{',
  '|',
  '"',
  '<',
  "'",
  '`',
  '^',
  ReservedSegment,
  '%5f%5fds',
  '__proto__',
  'constructor',
  'docs',
  'a@default',
  '-1',
  'now',
  'A'.repeat(127),
  'A'.repeat(128),
  'A'.repeat(129),
  'a'.repeat(513),
  'a'.repeat(9000),
  'a/'.repeat(300),
  '/'.repeat(500),
  '%61'.repeat(200),
  'CON',
  '.git',
  '0',
  '',
] as const
const keys = [
  Query.offset,
  Query.live,
  Query.cursor,
  Query.awareness,
  'OFFSET',
  'offset ',
  '',
  'a',
  '__proto__',
  '%6fffset',
  'toString',
] as const
const values = [
  '',
  Sentinel.start,
  Sentinel.tail,
  Sentinel.snapshot,
  Live.longPoll,
  Live.sse,
  'true',
  '-1_snapshot',
  '0000000000000000_0000000000000000',
  'default',
  'a',
  '.',
  '..',
  '%2e%2e',
  '%252e',
  '%00',
  '%0d%0aX:y',
  '%',
  '%zz',
  '+',
  '%2b',
  '&',
  '=',
  '#',
  '?',
  'a%26offset=-1',
  '%ff',
  '\u00fc',
  'a'.repeat(64),
  'a'.repeat(65),
  'a'.repeat(3000),
  '[]',
  '__proto__',
  ' ',
  '9'.repeat(30),
  '-9',
  '1e9',
  'a/b',
  'A_B-c',
] as const
const methods = [
  'GET',
  'PUT',
  'POST',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'TRACE',
  'PROPFIND',
  'SEARCH',
  'M-SEARCH',
  'QUERY',
  'LINK',
  'get',
  'CONNECT',
  'PRI',
  'BREW',
] as const

const oddTarget = (choices: Choices, own: string): string => {
  let target: string = choices.oneOf(prefixes)
  // So that no two executions meet: whatever a path means, it has this in it.
  if (choices.happens(80)) target += `${own}/`
  const parts = Array.from({ length: choices.whole(0, 4) }, () => choices.oneOf(segments))
  target += parts.join('/')
  if (choices.happens(50)) {
    const pairs = Array.from(
      { length: choices.whole(1, 4) },
      () => `${choices.oneOf(keys)}${choices.oneOf(['=', '', '=='])}${choices.oneOf(values)}`,
    )
    target += `?${pairs.join('&')}`
  }
  if (choices.happens(5)) target += choices.oneOf(['#', '#a', '?', '??', ' ', '\t', '\u0000'])
  return target
}

/** What may be no request at all by its first line. */
const breaks = ({ method, target }: Request): boolean =>
  !isVisible(target) ||
  !/^(\/|\*$|https?:)/.test(target) ||
  !['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'].includes(method) ||
  target.length > 8000

/** Paths and queries that name nothing, name it twice, or name it in disguise. */
export const targets = async (arena: Arena): Promise<void> => {
  const { choices } = arena
  const own = arena.word()
  for (let left = choices.whole(1, 6); left > 0; left--) {
    const target = oddTarget(choices, own)
    const method = choices.happens(75)
      ? choices.oneOf(['PUT', 'GET', 'POST', 'DELETE', 'HEAD'])
      : choices.oneOf(methods)
    const body = method === 'POST' ? latin1('x') : undefined
    const request: Request = {
      method,
      target,
      headers: [['Content-Type', ContentType.binary]],
      ...(body && { body }),
    }
    const answer = await odd(arena, request)
    if (method === 'PUT' && answer !== 'ended' && answer.status === 201)
      await checkCreated(arena, target, choices.happens(50))
  }
}

const odd = async (arena: Arena, request: Request): Promise<Answer | 'ended'> => {
  const wire = await arena.open()
  arena.write(wire, encodeRequest(request))
  const isBroken = breaks(request)
  if (isBroken) await arena.hurry(wire)
  // Some queries ask for an answer that goes on; of that the beginning is enough.
  const answer = await arena.answerOrHead(wire, request.method)
  if (isBroken || answer === 'ended' || answer.isOpen) arena.drop(wire)
  else arena.close(wire)
  if (answer === 'ended' && !isBroken)
    throw new Finding('Z1', `${request.method} was not answered: the connection ended`)
  return answer
}

/** Whatever was created is there under the same name, once, and can be removed. */
const checkCreated = async (arena: Arena, target: string, twice: boolean): Promise<void> => {
  const read = await arena.ask({ method: 'HEAD', target })
  arena.expect(read, [200], 'Z6', 'what was created is not there')
  if (twice) {
    const again = await arena.ask({ method: 'PUT', target, headers: [['Content-Type', ContentType.binary]] })
    arena.expect(again, [200], 'Z6', 'what was created is created again')
  }
  arena.expect(await arena.ask(remove(target)), [204], 'Z6', 'what was created cannot be removed')
  const after = await arena.ask({ method: 'HEAD', target })
  arena.expect(after, [404], 'Z6', 'what was removed is still there')
}
