import { expect, test } from 'vitest'
import { ErrorCode, Live, Sentinel } from '../../protocol/index.ts'
import { from } from '../http/fixture.ts'
import { answerOf } from '../process/raw.ts'
import { useArena } from './arena.ts'
import { answered, head, sent } from './by-hand.ts'

const arena = useArena({ limits: { longPollMs: 100 } })

const malformed = { status: 400, code: ErrorCode.invalidRequest }

test.each([
  ['of 17 KB in one line', `X-Long: ${'x'.repeat(17 << 10)}`],
  [
    'of 17 KB in many lines',
    Array.from({ length: 40 }, (_, at) => `X-${at}: ${'x'.repeat(430)}`).join('\r\n'),
  ],
  ['whose one name is 17 KB', `${'x'.repeat(17 << 10)}: 1`],
])('[row 78] a head %s is 431', async (_, lines) => {
  const here = arena()
  const target = await here.stream('abc')
  await here.untouched(target, async () => {
    const answer = await answered(await sent(arena(), head(target, lines, 'Content-Length: 1'), 'x'))
    expect(answer).toEqual({ status: 431, code: ErrorCode.headTooLarge })
  })
})

test('[row 78] a target of 17 KB is 431', async () => {
  const answer = await answered(
    await sent(arena(), `GET /v1/stream/${'a'.repeat(17 << 10)} HTTP/1.1\r\nHost: arena\r\n\r\n`),
  )
  expect(answer).toEqual({ status: 431, code: ErrorCode.headTooLarge })
})

test.each([65, 200])('[row 78] %i header lines are 431, none is left out silently', async count => {
  const here = arena()
  const target = await here.stream('abc')
  await here.untouched(target, async () => {
    const lines = Array.from({ length: count - 3 }, (_, at) => `X-${at}: 1`)
    const answer = await answered(await sent(arena(), head(target, ...lines, 'Content-Length: 1'), 'x'))
    expect(answer).toEqual({ status: 431, code: ErrorCode.headTooLarge })
  })
})

test.each<[string, (target: string) => string]>([
  [
    'both a length and chunks',
    target => `${head(target, 'Content-Length: 5', 'Transfer-Encoding: chunked')}1\r\nx\r\n0\r\n\r\n`,
  ],
  [
    'chunks and a length',
    target => `${head(target, 'Transfer-Encoding: chunked', 'Content-Length: 5')}1\r\nx\r\n0\r\n\r\n`,
  ],
  ['two lengths', target => `${head(target, 'Content-Length: 1', 'Content-Length: 2')}xx`],
  ['a length that is none', target => `${head(target, 'Content-Length: 1x')}x`],
  ['a negative length', target => `${head(target, 'Content-Length: -1')}x`],
  ['a length past 2^64', target => `${head(target, `Content-Length: ${'9'.repeat(25)}`)}x`],
  [
    'a chunk size that is none',
    target => `${head(target, 'Transfer-Encoding: chunked')}zz\r\nx\r\n0\r\n\r\n`,
  ],
  [
    'a chunk size past 2^64',
    target => `${head(target, 'Transfer-Encoding: chunked')}${'f'.repeat(20)}\r\nx\r\n0\r\n\r\n`,
  ],
  [
    'a chunk longer than it says',
    target => `${head(target, 'Transfer-Encoding: chunked')}1\r\nxyz\r\n0\r\n\r\n`,
  ],
  [
    'chunks inside another coding',
    target => `${head(target, 'Transfer-Encoding: chunked, gzip')}1\r\nx\r\n0\r\n\r\n`,
  ],
  ['a coding nobody knows', target => `${head(target, 'Transfer-Encoding: nonsense')}1\r\nx\r\n0\r\n\r\n`],
  ['a header without a name', target => `${head(target, ': x', 'Content-Length: 1')}x`],
  ['a space before the colon', target => `${head(target, 'Content-Length : 1')}x`],
  ['a folded header', target => `${head(target, 'X-A: a\r\n b', 'Content-Length: 1')}x`],
  ['a NUL in a header', target => `${head(target, 'X-A: a\0b', 'Content-Length: 1')}x`],
  ['a method nobody knows', target => head(target).replace('POST', 'FETCH')],
  ['no HTTP at all', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['a version nobody speaks', target => head(target, 'Content-Length: 0').replace('HTTP/1.1', 'HTTP/9.9')],
  ['no host', target => head(target, 'Content-Length: 0').replace('Host: arena\r\n', '')],
  ['two hosts', target => head(target, 'Host: other', 'Content-Length: 0')],
  ['a host that is none', target => head(target, 'Content-Length: 0').replace('Host: arena', 'Host: a b')],
  [
    'a host with a path',
    target => head(target, 'Content-Length: 0').replace('Host: arena', 'Host: evil.example/x?'),
  ],
])('[row 78] %s is 400 and appends nothing', async (_, request) => {
  const here = arena()
  const target = await here.stream('abc')
  await here.untouched(target, async () => {
    const connection = await sent(arena(), Buffer.from(request(target), 'latin1'))
    const { text } = await connection.untilEnd()
    const { status, head: said, body } = answerOf(text)
    expect(said).toContain('x-content-type-options: nosniff')
    expect({ status, code: JSON.parse(body).error.code }).toEqual(malformed)
  })
})

test('[row 78] an expectation nobody can meet is 417', async () => {
  const here = arena()
  const target = await here.stream('abc')
  await here.untouched(target, async () => {
    const answer = await answered(
      await sent(arena(), head(target, 'Expect: a-pony', 'Content-Length: 1'), 'x'),
    )
    expect(answer).toEqual({ status: 417, code: ErrorCode.invalidRequest })
  })
})

test('[row 78] an answer under way is cut by a broken request behind it, not mixed with another answer', async () => {
  const here = arena()
  const reader = await here.follow(await here.stream('abc'), Sentinel.start)
  await reader.until(/event: control/)
  reader.send('nonsense\r\n\r\n')
  const { text } = await reader.untilEnd()
  expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
})

test('[row 78] a request before a broken one gets its own answer, and only then the broken one its 400', async () => {
  const here = arena()
  const target = from(await here.stream('abc'), Sentinel.tail, Live.longPoll)
  const connection = await sent(here, `GET ${target} HTTP/1.1\r\nHost: arena\r\n\r\n`, 'nonsense\r\n\r\n')
  expect(await answered(connection)).toEqual(malformed)
  expect([...connection.text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual([
    '204',
    '400',
  ])
})

test('[row 78] what follows a broken request on its connection is never served', async () => {
  const here = arena()
  const target = await here.stream('abc')
  await here.untouched(target, async () => {
    const whole = `${head(target, 'Content-Length: 1')}x`
    const broken = head(target, 'Content-Length: 5', 'Transfer-Encoding: chunked')
    const { text } = await (await sent(arena(), `${broken}0\r\n\r\n${whole}`)).untilEnd()
    expect(text.match(/^HTTP\/1\.1 /gm)).toHaveLength(1)
  })
})
