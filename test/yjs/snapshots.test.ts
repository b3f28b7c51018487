import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import {
  ContentType,
  decodeFrames,
  ErrorCode,
  formatOffset,
  Header,
  Live,
  Query,
  Sentinel,
  snapshotOffset,
} from '../../protocol/index.ts'
import { at, codeOf, document, from, nextOf, openApp } from '../http/fixture.ts'
import { d, discover, docOf, expectSame, framed, name, post, typing } from './fixture.ts'

const locationOf = (answer: Response) => answer.headers.get('Location') ?? ''

/** A document of five updates whose snapshot holds them all. */
const compacted = async () => {
  const app = openApp({ compactBytes: 100 })
  await app.send('PUT', d)
  const updates = typing(5, 30)
  const appended = await post(app, ...updates)
  await app.compactor.settled()
  return { ...app, updates, tail: nextOf(appended) }
}

describe('Discovery', () => {
  test('[row 59] of an unknown document is 404', async () => {
    const answer = await discover(openApp())
    expect([answer.status, await codeOf(answer)]).toEqual([404, ErrorCode.documentNotFound])
  })

  test('[row 59] without a snapshot leads to the beginning, for a few seconds', async () => {
    const app = openApp()
    await app.send('PUT', d)
    const answer = await discover(app)
    expect([answer.status, locationOf(answer)]).toEqual([307, `${d}?${Query.offset}=${Sentinel.start}`])
    expect(answer.headers.get('Cache-Control')).toBe('private, max-age=5')
    expect(await answer.text()).toBe('')
  })

  test('leads to the current snapshot, for a few seconds, and keeps what else was asked', async () => {
    const app = await compacted()
    const answer = await app.send('GET', at(d, { [Query.offset]: Sentinel.snapshot, trace: '1' }))
    expect(answer.status).toBe(307)
    const location = new URL(locationOf(answer), 'http://localhost')
    expect(location.pathname).toBe(d)
    expect(location.searchParams.get(Query.offset)).toBe(snapshotOffset(app.tail))
    expect(location.searchParams.get('trace')).toBe('1')
    expect(answer.headers.get('Cache-Control')).toBe('private, max-age=5')
  })

  test('leads nowhere else than to this server, however the path was written', async () => {
    const { send } = openApp()
    await send('PUT', document('a/b'))
    const answer = await send('GET', from(document('a//b'), Sentinel.snapshot))
    expect(locationOf(answer)).toMatch(/^\/v1\//)
  })

  test('is no offset of a plain stream', async () => {
    const { send } = openApp()
    await send('PUT', '/v1/stream/s')
    expect((await send('GET', from('/v1/stream/s', Sentinel.snapshot))).status).toBe(400)
  })
})

describe('A snapshot', () => {
  test('is the document up to the offset that names it, and leads on from there', async () => {
    const app = await compacted()
    const answer = await app.send('GET', locationOf(await discover(app)))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('Content-Type')).toBe(ContentType.binary)
    expect(nextOf(answer)).toBe(app.tail)
    expectSame(docOf(new Uint8Array(await answer.arrayBuffer())), docOf(...app.updates))
    const rest = await app.send('GET', from(d, nextOf(answer)))
    expect([(await rest.arrayBuffer()).byteLength, rest.headers.get(Header.upToDate)]).toEqual([0, 'true'])
  })

  test('never changes: it may be kept for ever, and is not sent again to who has it', async () => {
    const app = await compacted()
    const location = locationOf(await discover(app))
    const answer = await app.send('GET', location)
    expect(answer.headers.get('Cache-Control')).toBe('public, max-age=31536000, s-maxage=300, immutable')
    const tag = answer.headers.get('ETag') ?? ''
    const again = await app.send('GET', location, { headers: { 'If-None-Match': tag } })
    expect([again.status, await again.text(), nextOf(again)]).toEqual([304, '', app.tail])
    await post(app, ...typing(1, 5, 2))
    const later = await app.send('GET', location)
    expect(await later.arrayBuffer()).toEqual(await answer.arrayBuffer())
    expect(later.headers.get('ETag')).toBe(tag)
  })

  test('of a log of many reads is whole, and is itself answered whole', async () => {
    const updates = typing(20, 50)
    const app = openApp({ compactBytes: framed(...updates).length, limits: { readBytes: 128 } })
    await app.send('PUT', d)
    for (const update of updates) await post(app, update)
    await app.compactor.settled()
    const answer = await app.send('GET', locationOf(await discover(app)))
    const bytes = new Uint8Array(await answer.arrayBuffer())
    expect(bytes.length).toBeGreaterThan(128)
    expectSame(docOf(bytes), docOf(...updates))
  })

  test.each([
    ['of an offset nobody took one at', (tail: string) => tail.replace(/.$/, '1')],
    ['of the beginning', (tail: string) => tail.replace(/_.*/, `_${'0'.repeat(16)}`)],
    ['of another life of the document', (tail: string) => tail.replace(/^\d+/, '9'.padStart(16, '0'))],
    ['of a place beyond the tail', () => formatOffset({ generation: 1, position: 2 ** 50 })],
  ])('[row 60] %s is 404, and says that it is the snapshot that is not there', async (_what, change) => {
    const app = await compacted()
    const answer = await app.send('GET', from(d, `${change(app.tail)}_snapshot`))
    expect([answer.status, await codeOf(answer)]).toEqual([404, ErrorCode.snapshotNotFound])
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
  })

  test('[row 60] that was replaced is 404 after a while, not at once', async () => {
    const app = await compacted()
    const old = locationOf(await discover(app))
    await post(app, ...typing(5, 30, 2))
    await app.compactor.settled()
    const current = locationOf(await discover(app))
    expect(current).not.toBe(old)
    await app.world.turn(9_999)
    expect((await app.send('GET', old)).status).toBe(200)
    await app.world.turn(1)
    const answer = await app.send('GET', old)
    expect([answer.status, await codeOf(answer)]).toEqual([404, ErrorCode.snapshotNotFound])
    expect((await app.send('GET', current)).status).toBe(200)
  })

  test.each([
    '_snapshot',
    '../1_snapshot',
    'a_snapshot_snapshot',
    '-1_snapshot',
    'now_snapshot',
    'snapshot_snapshot',
    '1_snapshot',
    '\0_snapshot',
    `${'1'.repeat(16)}_${'1'.repeat(16)}_snapshot_snapshot`,
  ])('[row 61] named %j is 400', async offset => {
    const app = await compacted()
    for (const live of [undefined, Live.sse, Live.longPoll]) {
      const answer = await app.send('GET', from(d, offset, live))
      expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
    }
  })

  test('leaves the log as it was for those who read it from the beginning', async () => {
    const app = await compacted()
    const answer = await app.send('GET', from(d, Sentinel.start))
    expect(decodeFrames(new Uint8Array(await answer.arrayBuffer()))).toEqual(app.updates)
  })
})

describe('Publishing', () => {
  const state = Y.encodeStateAsUpdate(docOf(...typing(1)))
  const opened = async () => {
    const app = openApp()
    await app.send('PUT', d)
    const generation = (await app.documents.load(name))?.generation ?? 0
    const publish = (position: number, bytes = state) =>
      app.snapshots.publish(name, { generation, position }, bytes)
    const stored = () => app.store.list('snapshot/', undefined, 10)
    const pointer = async () => (await app.snapshots.current(name))?.pointer?.position
    return { ...app, generation, publish, stored, pointer }
  }

  test('is by comparing: an older snapshot never replaces a newer one, and is not kept', async () => {
    const { publish, pointer, stored } = await opened()
    expect(await publish(10)).toBe(true)
    expect(await publish(30)).toBe(true)
    expect(await publish(20)).toBe(false)
    expect(await pointer()).toBe(30)
    expect((await stored()).map(stream => stream.slice(-2))).toEqual(['10', '30'])
  })

  test('of the same place twice, also at once, is once, and what is current stays readable', async () => {
    const { publish, pointer, stored, snapshots, generation } = await opened()
    const results = await Promise.all([publish(10), publish(10), publish(10)])
    expect(results.filter(Boolean)).toHaveLength(1)
    expect([await pointer(), (await stored()).length]).toEqual([10, 1])
    expect(await snapshots.read(name, { generation, position: 10 })).toEqual(state)
  })

  test('of many places at once ends with the newest, and nothing newer than what is kept is lost', async () => {
    const { publish, pointer, snapshots, generation } = await opened()
    await Promise.all([5, 3, 9, 1, 7].map(position => publish(position)))
    expect(await pointer()).toBe(9)
    expect(await snapshots.read(name, { generation, position: 9 })).toEqual(state)
  })

  test('of an earlier life of the document, or of none, is refused and leaves nothing', async () => {
    const { publish, stored, pointer, send } = await opened()
    await send('DELETE', d)
    expect(await publish(10)).toBe(false)
    await send('PUT', d)
    expect(await publish(10)).toBe(false)
    expect([await stored(), await pointer()]).toEqual([[], undefined])
  })

  test('comes before the pointer: a crash in between leaves the old snapshot current', async () => {
    const { publish, pointer, stored, streams, generation, snapshots } = await opened()
    await publish(10)
    // What a crash leaves: the stream of the next snapshot, and nothing that names it.
    const left = snapshotOffset(formatOffset({ generation, position: 20 })).replace('_snapshot', '')
    const config = { contentType: ContentType.binary }
    await streams.create(`snapshot/svc/d@${left}`, { config, body: state, closed: true })
    expect(await pointer()).toBe(10)
    expect(await publish(20)).toBe(true)
    expect(await pointer()).toBe(20)
    await snapshots.prune(name, { generation, position: 20 })
    expect((await stored()).map(stream => stream.slice(-2))).toEqual(['20'])
  })

  test('leaves what a crash left behind to the next pruning', async () => {
    const { publish, stored, streams, generation, snapshots } = await opened()
    const config = { contentType: ContentType.binary }
    for (const position of [5, 15, 25]) {
      const offset = formatOffset({ generation, position })
      await streams.create(`snapshot/svc/d@${offset}`, { config, body: state, closed: true })
    }
    await publish(20)
    await snapshots.prune(name, { generation, position: 20 })
    // The one past it may be another process's, about to be published.
    expect((await stored()).map(stream => stream.slice(-2))).toEqual(['20', '25'])
  })

  test('of more snapshots than one page leaves none but the kept one', async () => {
    const { publish, stored, streams, generation, snapshots } = await opened()
    const config = { contentType: ContentType.binary }
    for (let position = 1; position <= 250; position++) {
      const offset = formatOffset({ generation, position })
      await streams.create(`snapshot/svc/d@${offset}`, { config, body: state, closed: true })
    }
    await publish(300)
    await snapshots.prune(name, { generation, position: 300 })
    expect(await stored()).toHaveLength(1)
  })
})
