import fc from 'fast-check'
import { exportSPKI } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  ContentType,
  encodeFrames,
  formatOffset,
  Header,
  Query,
  Sentinel,
  snapshotOffset,
} from '../../protocol/index.ts'
import { jwtAuthorize } from '../../server/access/jwt.ts'
import { actions } from '../../server/access/question.ts'
import { type App, openApp } from '../http/fixture.ts'
import { settled } from '../streams/world.ts'
import { audience, bearer, Issuer, issuer } from './tokens.ts'

/**
 * Two services of one server. A token grants everything of `ours` and nothing of `theirs`, and whatever request is made up
 * of the names of `theirs`, it reads, changes and learns nothing there.
 */

const secret = 'what-only-theirs-may-know'
const theirs = ['/v1/yjs/theirs/docs/plans/one', '/v1/stream/theirs/s', '/v1/stream/theirs'] as const
const presence = `?${Query.awareness}=default`

let app: App
let ours: Record<string, string>
let snapshot: string

beforeAll(async () => {
  const maker = await Issuer.open()
  const grantsOf = (service: string) => [
    { docs: `${service}/**`, rights: actions },
    { streams: `${service}/**`, rights: actions },
  ]
  const tokenFor = async (service: string) => bearer(await maker.token({ ds: grantsOf(service) }))
  const key = await exportSPKI(maker.publicKey)
  app = openApp({
    authorize: jwtAuthorize({ algorithms: ['ES256'], key, issuer, audience }),
    compactBytes: 1,
  })
  ours = await tokenFor('ours')
  const headers = await tokenFor('theirs')
  const doc = new Y.Doc()
  doc.getText('t').insert(0, secret)
  const [document, ...streams] = theirs
  const body = encodeFrames([Y.encodeStateAsUpdate(doc)])
  await app.send('PUT', document, { headers, body, type: ContentType.binary })
  await app.send('POST', `${document}${presence}`, { headers, body: encodeFrames([Buffer.from(secret)]) })
  for (const target of streams) await app.send('PUT', target, { headers, body: secret, type: 'text/plain' })
  for (const target of ['/v1/yjs/ours/docs/plans/one', '/v1/stream/ours/s']) {
    expect((await app.send('PUT', target, { headers: ours })).status).toBe(201)
  }
  await settled(20)
  const found = await app.documents.discover({ service: 'theirs', path: 'plans/one' })
  if (!found?.pointer) throw new Error('there is no snapshot')
  snapshot = snapshotOffset(
    formatOffset({ generation: found.state.generation, position: found.pointer.position }),
  )
})

/** Everything of theirs, as the store has it. */
const state = async () => {
  const held = await Promise.all(
    ['document/theirs/plans/one', 'stream/theirs/s', 'stream/theirs'].map(name => app.streams.load(name)),
  )
  const roster = await app.presence.roster({ service: 'theirs', path: 'plans/one' }, 'default')
  return JSON.stringify({ held, roster })
}

const pick = <T>(...of: readonly T[]) => fc.constantFrom(...of)

const often = <T>(weight: number, usual: T, ...others: readonly T[]) =>
  fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: pick(...others) })

/** Ways to write one word of a path. */
const word = (text: string) =>
  fc
    .array(often(12, 'as it is', 'escaped', 'escaped', 'escaped', 'escaped twice', 'other case'), {
      minLength: text.length,
      maxLength: text.length,
    })
    .map(ways =>
      [...text]
        .map((char, at) => {
          const hex = char.charCodeAt(0).toString(16).padStart(2, '0')
          if (ways[at] === 'escaped') return `%${hex}`
          if (ways[at] === 'escaped twice') return `%25${hex}`
          return ways[at] === 'other case' ? char.toUpperCase() : char
        })
        .join(''),
    )

const separator = often(20, '/', '//', '//', '///', '/./', '%2f', '\\', '%5c', '/%2e/', '/;/')
/** What may stand before the path of theirs, so that it looks like ours or is climbed out of. */
const detour = often(
  4,
  '',
  '/v1/yjs/ours/docs/plans/../../../../..',
  '/v1/yjs/ours/docs/%2e%2e/%2e%2e/%2e%2e/%2e%2e',
  '/v1/stream/ours/..%2f..%2f..%2f..',
  '/v1/yjs/ours/docs/a/..\\..\\..\\..\\..',
  '/v1/stream/ours',
  '/v1/yjs/ours/docs',
  'http://ours.example',
  '//ours',
  '/ours@',
)
const pathOf = (path: string) =>
  fc
    .tuple(
      detour,
      fc.tuple(
        ...path
          .split('/')
          .filter(Boolean)
          .flatMap(part => [separator, word(part)]),
      ),
    )
    .map(([before, parts]) => `${before}${parts.join('')}`)

const offset = pick('start', 'tail', 'snapshot', 'theirs', 'climbed', 'empty')
const offsetOf = (kind: string): string => {
  const named: Readonly<Record<string, string>> = {
    start: Sentinel.start,
    tail: Sentinel.tail,
    snapshot: Sentinel.snapshot,
    theirs: snapshot,
    climbed: `../${snapshot}`,
  }
  return named[kind] ?? ''
}

const request = fc.record({
  method: pick('GET', 'GET', 'GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH'),
  path: pick(...theirs).chain(pathOf),
  offset: fc.option(offset),
  awareness: fc.option(pick('default', '../default', 'default@theirs', '../../theirs/docs/plans/one', '')),
  source: fc.option(pick(...theirs).chain(pathOf)),
  host: fc.option(pick('theirs', 'ours.example')),
})

test('[row 82] A token for one service touches nothing of another, however it is spelled', async () => {
  const before = await state()
  const statuses = new Map<number, number>()
  const property = fc.asyncProperty(request, async ({ method, path, offset, awareness, source, host }) => {
    const query = new URLSearchParams({
      ...(offset !== null && { [Query.offset]: offsetOf(offset) }),
      ...(awareness !== null && { [Query.awareness]: awareness }),
    })
    const raw = `${path}?${query}`
    const response = await app.app.request(
      'http://127.0.0.1/',
      {
        method,
        headers: {
          ...ours,
          ...(source !== null && { [Header.forkedFrom]: source }),
          ...(host !== null && { 'X-Forwarded-Host': host }),
        },
        ...(method === 'POST' && { body: 'x' }),
      },
      { incoming: { url: raw, async *iterator() {} } },
    )
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
    expect(await response.text()).not.toContain(secret)
    expect(response.status).toBeLessThan(500)
  })
  await fc.assert(property, { numRuns: 4_000 })
  expect(await state()).toBe(before)
  // Many were understood as what they are.
  expect(statuses.get(403)).toBeGreaterThan(200)
}, 60_000)

test('[row 82] A fork of theirs is none of ours', async () => {
  const source = pick('/v1/stream/theirs/s', '/v1/stream/theirs').chain(pathOf)
  const property = fc.asyncProperty(source, fc.nat(), async (from, number) => {
    const name = `ours/fork-${number}`
    const headers = { ...ours, [Header.forkedFrom]: from }
    await app.app.request(`http://127.0.0.1/v1/stream/${name}`, { method: 'PUT', headers })
    const forked = await app.streams.load(`stream/${name}`)
    expect(forked?.origin?.source ?? 'stream/ours/').toMatch(/^stream\/ours\//)
    const read = await app.app.request(`http://127.0.0.1/v1/stream/${name}`, { headers: ours })
    expect(await read.text()).not.toContain(secret)
  })
  await fc.assert(property, { numRuns: 1_000 })
}, 60_000)
