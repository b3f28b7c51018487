import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { afterEach, describe, expect, test } from 'vitest'
import {
  ContentType,
  DefaultAwareness,
  decodeFrames,
  ErrorCode,
  Header,
  Live,
  Query,
  Sentinel,
} from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import { realWorld } from '../../server/world.ts'
import { workerOffload } from '../../server/yjs/offload.ts'
import { openApp, stream } from '../http/fixture.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { docOf, expectSame, framed, typing } from '../yjs/fixture.ts'
import { Arena, and, ask, header, open, verdictOf } from './arena.ts'

const text = { type: 'text/plain' }
const binary = { type: ContentType.binary }
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const opened = async (options: Parameters<typeof open>[0] = {}): Promise<Arena> => {
  const { arena, close } = await open(options)
  cleanups.push(close)
  return arena
}

const hanging = new URL(
  `data:text/javascript,${encodeURIComponent(
    "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => { for (;;) {} })",
  )}`,
)

describe('[row 84] A document whose compaction', () => {
  const tried = { count: 0 }
  const failing = {
    run: () => {
      tried.count++
      return Promise.reject(new Error('it would not'))
    },
    close: async () => undefined,
  }
  test.each([
    ['always fails', () => failing],
    [
      'exceeds its deadline',
      () => workerOffload({ world: realWorld, heapMb: 64, deadlineMs: 50, script: hanging }),
    ],
  ])('%s is written and read as ever, and begins at the beginning', async (_, offload) => {
    const here = await opened({ offload: offload(), compactBytes: 50 })
    const target = await here.document()
    const updates = typing(20)
    for (const update of updates) {
      expect((await here.ask('POST', target, { ...binary, body: framed(update) })).status).toBe(204)
      const discovery = await here.ask('GET', and(target, { [Query.offset]: Sentinel.snapshot }))
      expect([discovery.status, header(discovery, 'Location')]).toEqual([307, `${target}?offset=-1`])
    }
    const answer = await here.ask('GET', and(target, { [Query.offset]: Sentinel.start }))
    expectSame(docOf(...decodeFrames(answer.body)), docOf(...updates))
  })
})

/** The app of a store that fails when told to, on a socket. */
const onBrokenDisk = async () => {
  const disk = { failing: false }
  const store = openMemoryStore({
    onWrite: write => (disk.failing ? Promise.reject(new Error('EIO at /var/secret')) : write()),
  })
  const { app } = openApp({ store })
  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise(resolve => server.close(resolve)))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { disk, here: new Arena(url) }
}

test('[row 85] after a failed write every write is 500 for good, says nothing of why, and reads go on', async () => {
  const { disk, here } = await onBrokenDisk()
  const target = await here.stream('kept')
  const log = await here.document(framed(...typing(1)))
  disk.failing = true
  const writes = [
    ['POST', target, { ...text, body: 'x' }],
    ['PUT', stream('new'), text],
    ['DELETE', target, {}],
    ['POST', log, { ...binary, body: framed(...typing(1, 10, 2)) }],
    ['DELETE', log, {}],
  ] as const
  for (const healed of [false, true]) {
    if (healed) disk.failing = false
    for (const [method, where, asked] of writes) {
      const answer = await here.ask(method, where, asked)
      expect(verdictOf(answer)).toEqual([500, ErrorCode.internal])
      expect(answer.text).not.toMatch(/EIO|secret|\bat /)
    }
  }
  expect((await here.ask('GET', target)).text).toBe('kept')
  expect((await here.ask('GET', log)).status).toBe(200)
  const live = { [Query.offset]: Sentinel.start, [Query.live]: Live.longPoll }
  expect((await here.ask('GET', and(target, live))).text).toBe('kept')
  expect((await here.ask('POST', `${log}?awareness=default`, { ...binary, body: 'x' })).status).toBe(204)
})

test('[row 85] a full store is 507, stores nothing of it, and takes again what was made room for', async () => {
  const here = await opened({ limits: { storeBytes: 4 << 20 } })
  const target = await here.stream('kept')
  const big = Buffer.alloc(1 << 20, 'x')
  const filler = await here.stream()
  let last = 204
  for (let at = 0; at < 8 && last === 204; at++) {
    const before = await here.stateOf(filler)
    const answer = await here.ask('POST', filler, { ...text, body: big })
    last = answer.status
    if (last === 204) continue
    expect(verdictOf(answer)).toEqual([507, ErrorCode.storageFull])
    expect(await here.stateOf(filler)).toEqual(before)
  }
  expect(last).toBe(507)
  expect((await here.ask('GET', target)).text).toBe('kept')
  expect((await here.ask('DELETE', filler)).status).toBe(204)
  await expect
    .poll(async () => (await here.ask('POST', target, { ...text, body: big })).status, { timeout: 20_000 })
    .toBe(204)
})

test('[row 68] after a restart the default awareness stream of every document can be read, and no other', async () => {
  const data = await temporaryDirectory()
  const before = await open({ data })
  const target = await before.arena.document()
  const offset = header(
    await before.arena.ask('GET', and(target, { awareness: DefaultAwareness, offset: Sentinel.tail })),
    Header.nextOffset,
  )
  await before.close()
  const here = await opened({ data })
  const get = (query: Record<string, string>) => here.ask('GET', and(target, query))
  const live = { [Query.offset]: Sentinel.tail, [Query.live]: Live.longPoll }
  const stale = await get({ awareness: DefaultAwareness, offset: offset ?? '' })
  expect(verdictOf(stale)).toEqual([410, ErrorCode.offsetExpired])
  expect((await get({ awareness: DefaultAwareness })).status).toBe(200)
  expect(verdictOf(await get({ awareness: 'other' }))).toEqual([404, ErrorCode.streamNotFound])
  expect(verdictOf(await get({ awareness: 'other', ...live }))).toEqual([404, ErrorCode.streamNotFound])
})

describe('[row 81] A preflight', () => {
  const listed = 'https://app.example.org'
  const preflight = (url: string, origin: string) =>
    ask(url, 'OPTIONS', stream('s'), {
      headers: {
        Origin: origin,
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': 'content-type, authorization',
      },
    })

  test.each([
    'https://evil.example.org',
    'http://app.example.org',
    'https://app.example.org:8443',
    'https://app.example.org.evil.example',
    'null',
    `${listed}/`,
    '*',
    '',
  ])('from %j, which is not listed, is 204 without permission', async origin => {
    const here = await opened({ origins: [listed] })
    const answer = await preflight(here.url, origin)
    expect([answer.status, header(answer, 'Access-Control-Allow-Origin')]).toEqual([204, undefined])
    expect(header(answer, 'Access-Control-Allow-Credentials')).toBeUndefined()
    expect(header(answer, 'Vary')).toContain('Origin')
    const plain = await here.ask('GET', stream('s'), { headers: { Origin: origin } })
    expect([plain.status, header(plain, 'Access-Control-Allow-Origin')]).toEqual([404, undefined])
  })

  test('from a listed one is permitted, for it alone', async () => {
    const here = await opened({ origins: [listed] })
    const answer = await preflight(here.url, listed)
    expect([answer.status, header(answer, 'Access-Control-Allow-Origin')]).toEqual([204, listed])
    expect(header(answer, 'Vary')).toContain('Origin')
  })
})
