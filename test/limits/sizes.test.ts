import { expect } from 'vitest'
import { ContentType, ErrorCode, Header, Path, Query, Sentinel } from '../../protocol/index.ts'
import { defaultLimits, type Limits } from '../../server/index.ts'
import { type Answer, type Arena, type Asked, and, header, verdictOf } from '../bad-input/arena.ts'
import { producer, stream } from '../http/fixture.ts'
import { any, garbage, nestedAny, subdocument, text as textOf, update } from '../protocol/handmade.ts'
import { framed, typing } from '../yjs/fixture.ts'
import { boundary } from './boundary.ts'

const text = { type: 'text/plain' }
const binary = { type: ContentType.binary }
const documents = (service: string) => `${Path.yjs}${service}/${Path.documents}/`

/** Whether it was done; otherwise it must have been refused in just this way. */
const done = (answer: Answer, refused: readonly [number, ErrorCode]): boolean => {
  if (answer.status < 300) return true
  expect(verdictOf(answer)).toEqual(refused)
  return false
}
const tooLarge = [413, ErrorCode.bodyTooLarge] as const
const invalid = [400, ErrorCode.invalidRequest] as const

for (const [size, limits] of [
  ['set', { bodyBytes: 100 }],
  ['default', {}],
] as const) {
  const limit = { ...defaultLimits, ...limits }.bodyBytes
  boundary(`[limit bodyBytes] the body of an append, ${size}`, limits, limit, async (here, length) => {
    const target = await here.stream()
    const body = Buffer.alloc(length, 'x')
    const taken = done(await here.ask('POST', target, { ...text, body }), tooLarge)
    expect((await here.ask('GET', target)).body.length).toBe(taken ? length : 0)
    return taken
  })
  boundary(
    `[limit bodyBytes] the body of a creation in chunks, ${size}`,
    limits,
    limit,
    async (here, length) => {
      const asked = { ...text, chunked: true, body: Buffer.alloc(length, 'x') }
      return done(await here.ask('PUT', stream(here.fresh()), asked), tooLarge)
    },
  )
}

boundary(
  '[limit awarenessBodyBytes] the body of an awareness request',
  { awarenessBodyBytes: 50 },
  50,
  async (here, length) => {
    const target = `${await here.document()}?awareness=default`
    return done(await here.ask('POST', target, { ...binary, body: new Uint8Array(length) }), tooLarge)
  },
)

boundary('[limit nameBytes] the path of a stream, decoded', { nameBytes: 20 }, 20, async (here, length) => {
  const name = `${'a'.repeat(length - 4)}/%C3%A9b`
  return done(await here.ask('PUT', stream(name), text), invalid)
})

boundary(
  '[limit segmentLength] a segment of a document’s path',
  { segmentLength: 20 },
  20,
  async (here, length) =>
    done(await here.ask('PUT', `${documents('svc')}a/${'b'.repeat(length)}/c`), invalid),
)

boundary('[limit segmentLength] a service', { segmentLength: 20 }, 20, async (here, length) =>
  done(await here.ask('PUT', `${documents('s'.repeat(length))}d`), invalid),
)

boundary(
  '[limit documentPathLength] the path of a document',
  { documentPathLength: 21 },
  21,
  async (here, length) =>
    done(await here.ask('PUT', `${documents('svc')}${'a'.repeat(10)}/${'b'.repeat(length - 11)}`), invalid),
)

boundary(
  '[limit awarenessNameLength] the name of an awareness stream',
  { awarenessNameLength: 8 },
  8,
  async (here, length) => {
    const target = and(await here.document(), { [Query.awareness]: 'n'.repeat(length) })
    return done(await here.ask('PUT', target), invalid)
  },
)

boundary(
  '[limit producerIdLength] the id of a producer',
  { producerIdLength: 30 },
  30,
  async (here, length) => {
    const headers = producer(0, 0, 'p'.repeat(length))
    return done(await here.ask('POST', await here.stream(), { ...text, body: 'x', headers }), invalid)
  },
)

boundary(
  '[limit awarenessPerDocument] the awareness streams of a document',
  { awarenessPerDocument: 4 },
  4,
  async (here, count) => {
    const document = await here.document()
    let last = true
    // The document has its default one from the beginning.
    for (let at = 1; at < count; at++) {
      last = done(await here.ask('PUT', and(document, { [Query.awareness]: `n${at}` })), [
        409,
        ErrorCode.configMismatch,
      ])
    }
    return last
  },
)

const post = async (
  here: Arena,
  body: Uint8Array,
  refused: readonly [number, ErrorCode],
  asked: Asked = {},
) => {
  const target = await here.document()
  const taken = done(await here.ask('POST', target, { ...binary, body, ...asked }), refused)
  expect((await here.ask('GET', target)).body.length > 0).toBe(taken)
  return taken
}

boundary('[limit framesPerPost] the updates in one request', { framesPerPost: 5 }, 5, (here, count) =>
  post(here, framed(...typing(count)), invalid),
)

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))
const malformed = [400, ErrorCode.malformedUpdate] as const
const one = (count: number, make: (index: number) => ReturnType<typeof garbage>) =>
  update([{ client: 1, structs: times(count, make) }])

/** An update with just so many of what is counted. Whole documents are sent, so that nothing is missing. */
const counted: readonly (readonly [string, Partial<Limits>, (count: number) => Uint8Array])[] = [
  ['[limit updateStructs] structs of an update', { updateStructs: 7 }, count => one(count, () => garbage(1))],
  [
    '[limit updateClients] clients of an update',
    { updateClients: 7 },
    count => update(times(count, at => ({ client: 99 - at, structs: [garbage(1)] }))),
  ],
  [
    '[limit updateDeleteRanges] deleted ranges of an update',
    { updateDeleteRanges: 7 },
    count =>
      update([{ client: 1, structs: [garbage(100)] }], [[1, ...times(count, at => [2 * at, 1] as const)]]),
  ],
  [
    '[limit updateRootNames] root types an update names',
    { updateRootNames: 7 },
    count => one(2 * count, at => textOf('x', `root ${at >> 1}`)),
  ],
  [
    '[limit updateSubdocuments] subdocuments of an update',
    { updateSubdocuments: 7 },
    count => one(count, () => subdocument(new Uint8Array([118, 0]))),
  ],
  [
    '[limit updateNesting] depth of a value',
    { updateNesting: 7 },
    count => one(1, () => any(nestedAny(count, true))),
  ],
  [
    '[limit updateClock] clock at which a run ends',
    { updateClock: 7 },
    count => one(1, () => garbage(count)),
  ],
]
for (const [title, limits, make] of counted) {
  boundary(title, limits, 7, (here, count) => post(here, framed(make(count)), malformed))
}

boundary('[limit gapRanges] the ranges that a gap lists', { gapRanges: 3 }, 3, async (here, count) => {
  const lacking = update(
    [],
    times(count, at => [9 - at, [0, 1]] as const),
  )
  const answer = await here.ask('POST', await here.document(), { ...binary, body: framed(lacking) })
  expect(verdictOf(answer)).toEqual([409, ErrorCode.causalGap])
  const { error } = JSON.parse(answer.text) as { error: { missing: unknown[]; truncated: boolean } }
  expect(error.missing.length).toBe(Math.min(count, 3))
  return !error.truncated
})

boundary(
  '[limit readBytes] a catch-up answer of several appends',
  { readBytes: 30 },
  30,
  async (here, bytes) => {
    const target = await here.stream('a'.repeat(10))
    await here.ask('POST', target, { ...text, body: 'b'.repeat(bytes - 10) })
    const answer = await here.ask('GET', and(target, { [Query.offset]: Sentinel.start }))
    expect([10, bytes]).toContain(answer.body.length)
    expect(header(answer, Header.upToDate)).toBe(answer.body.length === bytes ? 'true' : undefined)
    return answer.body.length === bytes
  },
)

boundary('[limit forkDepth] the sources behind a fork', { forkDepth: 3 }, 3, async (here, depth) => {
  let source = await here.stream('x')
  let last = true
  for (let at = 1; at <= depth; at++) {
    const fork = stream(here.fresh())
    const answer = await here.ask('PUT', fork, { headers: { [Header.forkedFrom]: source } })
    last = done(answer, [409, ErrorCode.forkTooDeep])
    if (!last) expect((await here.ask('HEAD', fork)).status).toBe(404)
    source = fork
  }
  return last
})

boundary(
  '[limit headerCount] the header lines of a request',
  { headerCount: 20 },
  20,
  async (here, count) => {
    const more = Object.fromEntries(times(count - 2, at => [`X-${at}`, '1']))
    return done(await here.ask('GET', '/healthz', { headers: { ...more, Connection: 'close' } }), [
      431,
      ErrorCode.headTooLarge,
    ])
  },
)

boundary(
  '[limit headerBytes] target, names and values of a head',
  { headerBytes: 2_000 },
  2_000,
  async (here, bytes) => {
    const target = '/healthz'
    const connection = await here.connect()
    const fixed = `${target}HostarenaConnectioncloseX`.length
    connection.send(
      `GET ${target} HTTP/1.1\r\nHost: arena\r\nConnection: close\r\nX: ${'x'.repeat(bytes - fixed)}\r\n\r\n`,
    )
    const { text: said } = await connection.untilEnd()
    const status = Number(said.slice(9, 12))
    if (status !== 200) expect([status, said.includes(ErrorCode.headTooLarge)]).toEqual([431, true])
    return status === 200
  },
)
