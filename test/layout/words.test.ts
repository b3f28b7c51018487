import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  ContentType,
  Control,
  ControlPath,
  Delivery,
  ErrorCode,
  Header,
  Live,
  OwnHeader,
  Path,
  Query,
  Sentinel,
  SseEvent,
} from '../../protocol/index.ts'
import { root, type Source, sources } from './sources.ts'

const all = sources()
const product = all.filter(({ path }) => /^(protocol|client|provider|react|server)\//.test(path))
const outside = [...product, ...all.filter(({ path }) => path.startsWith('demo/'))].filter(
  ({ path }) => !path.startsWith('protocol/'),
)

/** Spelled this way they can only be meant as the wire's. Header names compare without case, codes with it. */
const codes = new Set<string>(Object.values(ErrorCode))
const unmistakable = new Set(
  [
    ...Object.values(Header),
    ...Object.values(OwnHeader),
    Control.nextOffset,
    Control.cursor,
    Control.closed,
    ...Object.values(ContentType),
    Path.streams,
    Path.yjs,
    Live.longPoll,
    ControlPath.keys,
    Delivery.pullWake,
    Sentinel.start,
    Query.awareness,
  ].map(word => word.toLowerCase()),
)

/** Everyday words: a second spelling is one where a request is made or an answer taken apart. */
const everyday = new Set<string>([
  Query.offset,
  Query.live,
  Query.cursor,
  Query.basis,
  Sentinel.tail,
  Sentinel.snapshot,
  Live.sse,
  ...Object.values(SseEvent),
])
const wirePart = new RegExp(`[?&](${Object.values(Query).join('|')})=|_snapshot|^(event|data): ?$`)

const spellings = ({ path, texts }: Source): string[] =>
  texts
    .filter(({ value }) => unmistakable.has(value.toLowerCase()) || codes.has(value) || wirePart.test(value))
    .map(({ value, line }) => `${path}:${line} spells ${JSON.stringify(value)}`)

test('[L4] a protocol name is spelled in protocol/ and nowhere else', () => {
  expect(outside.flatMap(spellings)).toEqual([])
})

test('[L5] an everyday word of the wire is not compared as a string by those who speak it', () => {
  const speakers = outside.filter(({ path }) => /^(client|server\/http)\//.test(path))
  const found = speakers.flatMap(({ path, texts }) =>
    texts
      .filter(({ value }) => everyday.has(value))
      .map(({ value, line }) => `${path}:${line} spells '${value}'`),
  )
  expect(found).toEqual([])
})

test('[L6] every header of the specification has its name', () => {
  const specified = [
    'Stream-TTL',
    'Stream-Expires-At',
    'Stream-Seq',
    'Stream-Cursor',
    'Stream-Next-Offset',
    'Stream-Up-To-Date',
    'Stream-Closed',
    'Stream-Forked-From',
    'Stream-Fork-Offset',
    'Stream-Fork-Sub-Offset',
    'Stream-SSE-Data-Encoding',
    'Producer-Id',
    'Producer-Epoch',
    'Producer-Seq',
    'Producer-Expected-Seq',
    'Producer-Received-Seq',
    'Webhook-Signature',
  ]
  expect(Object.values(Header).toSorted()).toEqual(specified.toSorted())
})

test('[L7] a store knows no word of the protocol', () => {
  const words = /[Ee]poch|\bttl|Ttl|TTL|[Pp]roducer|[Cc]ontent-?[Tt]ype|[Aa]wareness|[Ss]napshot|[Oo]ffset/
  const found = product
    .filter(({ path }) => path.startsWith('server/store/'))
    .flatMap(({ path, names, texts }) =>
      [...names, ...texts.map(({ value }) => value)]
        .filter(word => words.test(word))
        .map(word => `${path}: ${word}`),
    )
  expect(found).toEqual([])
})

test('[L8] the rules know no clock, no chance and no I/O', () => {
  const worldly = [
    'Date.now',
    'Math.random',
    'setTimeout',
    'setInterval',
    'process',
    'fetch',
    'performance',
    'console',
  ]
  const found = product
    .filter(({ path }) => path.startsWith('server/rules/'))
    .flatMap(({ path, names }) => worldly.filter(word => names.has(word)).map(word => `${path}: ${word}`))
  expect(found).toEqual([])
})

test('[L9] time and chance come in through one seam a side', () => {
  const seams = ['client/env.ts', 'server/world.ts']
  const worldly = ['setTimeout', 'setInterval', 'Date.now', 'Math.random']
  const found = product
    .filter(({ path }) => !seams.includes(path))
    .flatMap(({ path, names }) => worldly.filter(word => names.has(word)).map(word => `${path}: ${word}`))
  expect(found).toEqual([])
})

test('[L10] no drawer, no star, no file that outgrew its purpose', () => {
  const drawers = /(^|\/)(utils?|helpers?|common|types?|misc|manager)\.ts$/
  const found = all.flatMap(({ path, lines, exportsAll }) => [
    ...(drawers.test(path) ? [`${path} is a drawer`] : []),
    ...(exportsAll ? [`${path} exports everything`] : []),
    ...(lines > (/^(test|e2e)\//.test(path) ? 500 : 350) ? [`${path} has ${lines} lines`] : []),
  ])
  expect(found).toEqual([])
})

test('[L11] a path that the documentation names is there', () => {
  const known = new Set(all.map(({ path }) => path))
  const lost = ['README.md', 'CONTRIBUTING.md'].flatMap(file =>
    [
      ...readFileSync(join(root, file), 'utf8').matchAll(
        /`((?:protocol|client|provider|react|server|demo|test|e2e|bench)\/[\w./-]+\.ts)`/g,
      ),
    ]
      .map(match => match[1] ?? '')
      .filter(path => !known.has(path))
      .map(path => `${file}: ${path}`),
  )
  expect(lost).toEqual([])
})
