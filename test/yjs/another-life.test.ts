import { describe, expect, test } from 'vitest'
import { DefaultAwareness, decodeFrames, ErrorCode, Header, Query, Sentinel } from '../../protocol/index.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { logStream } from '../../server/yjs/names.ts'
import { at, closing, codeOf, from, nextOf, openApp, producer, stream } from '../http/fixture.ts'
import { gate } from '../streams/gates.ts'
import { binary, d, framed, name, typing } from './fixture.ts'

type App = ReturnType<typeof openApp>

/** Stands alone: nothing that it refers to can be missing. */
const alone = framed(...typing(1, 5, 9))
const other = framed(...typing(1, 5, 8))

const postOn = ({ send }: App, basis: string, headers: Record<string, string> = {}, body = alone) =>
  send('POST', at(d, { [Query.basis]: basis }), { ...binary, body, headers })

const tailOf = async ({ send }: App): Promise<string> => nextOf(await send('HEAD', d))

const remake = async ({ send }: App) => {
  expect((await send('DELETE', d)).status).toBe(204)
  expect((await send('PUT', d)).status).toBe(201)
}

const updatesOf = async ({ send }: App): Promise<number> =>
  decodeFrames(new Uint8Array(await (await send('GET', from(d, Sentinel.start))).arrayBuffer())).length

/** A document that somebody read, and what its name means by now. */
const read = async (opening: Parameters<typeof openApp>[0] = {}) => {
  const app = openApp(opening)
  await app.send('PUT', d, { ...binary, body: other })
  return { app, basis: await tailOf(app) }
}

describe('An edit that says up to where its author had read', () => {
  test('is taken by the document that was read, now and when it has grown, by a producer or without', async () => {
    const { app, basis } = await read()
    expect((await postOn(app, basis)).status).toBe(204)
    expect((await postOn(app, basis, producer(0, 0), framed(...typing(1, 5, 7)))).status).toBe(200)
    expect((await postOn(app, await tailOf(app), producer(0, 1), framed(...typing(1, 5, 6)))).status).toBe(
      200,
    )
    expect(await updatesOf(app)).toBe(4)
  })

  test('is taken when what its author had read is trimmed by now', async () => {
    const { app, basis } = await read()
    for (const update of typing(5, 100)) await postOn(app, Sentinel.tail, {}, framed(update))
    const state = await app.streams.load(logStream(name))
    expect(await app.streams.trim(logStream(name), state?.generation ?? 0, state?.tail ?? 0)).toBe(true)
    expect((await app.send('GET', from(d, basis))).status).toBe(410)
    expect((await postOn(app, basis)).status).toBe(204)
  })

  test('is refused by a later life of the document as a read is, and would be taken without', async () => {
    const { app, basis } = await read()
    await remake(app)
    const told = async (answer: Response) => ((await answer.json()) as { error: object }).error
    const refused = await postOn(app, basis)
    const unread = await app.send('GET', from(d, basis))
    expect([refused.status, unread.status]).toEqual([410, 410])
    const error = { code: ErrorCode.offsetExpired, reason: 'recreated' }
    expect([await told(refused), await told(unread)]).toEqual([
      expect.objectContaining(error),
      expect.objectContaining(error),
    ])
    expect(await updatesOf(app)).toBe(0)
    expect((await app.send('POST', d, { ...binary, body: alone })).status).toBe(204)
  })

  test('is a duplicate when it comes again, and another life knows nothing of it', async () => {
    const { app, basis } = await read()
    expect((await postOn(app, basis, producer(0, 0))).status).toBe(200)
    expect((await postOn(app, basis, producer(0, 0))).status).toBe(204)
    expect((await postOn(app, await tailOf(app), producer(0, 0))).status).toBe(204)
    await remake(app)
    for (const seq of [0, 1]) expect((await postOn(app, basis, producer(0, seq))).status).toBe(410)
    expect(await updatesOf(app)).toBe(0)
  })

  test('closes the document that was read and no other', async () => {
    const { app, basis } = await read()
    await remake(app)
    const close = (on: string) => app.send('POST', at(d, { [Query.basis]: on }), { headers: closing })
    expect((await close(basis)).status).toBe(410)
    expect((await close(await tailOf(app))).headers.get(Header.closed)).toBe('true')
  })

  test('finds no document where none is', async () => {
    const { app, basis } = await read()
    await app.send('DELETE', d)
    const answer = await postOn(app, basis)
    expect([answer.status, await codeOf(answer)]).toEqual([404, ErrorCode.documentNotFound])
  })

  test('needs no preflight of its own, and no log has what it says', async () => {
    const { app, basis } = await read({ origins: ['https://app'] })
    const asked = { Origin: 'https://app' }
    const answer = await postOn(app, basis, asked)
    expect([answer.status, answer.headers.get('Access-Control-Allow-Origin')]).toEqual([204, asked.Origin])
    expect(app.logged.length).toBeGreaterThan(0)
    expect(JSON.stringify(app.logged)).not.toContain(basis)
  })

  test('says so to documents alone: presence and plain streams take no notice of it', async () => {
    const { app, basis } = await read()
    const log = stream('plain')
    await app.send('PUT', log, binary)
    const presence = at(d, { [Query.awareness]: DefaultAwareness, [Query.basis]: 'x' })
    for (const target of [at(log, { [Query.basis]: 'x' }), at(log, { [Query.basis]: basis }), presence])
      expect((await app.send('POST', target, { ...binary, body: 'x' })).status).toBe(204)
  })
})

/** A store that does something else before its `at`th call, and how often it was called. */
const interrupted = (store: Store, at: number, act: () => Promise<void>) => {
  let calls = 0
  const before = async () => {
    if (calls++ === at) await act()
  }
  return {
    ...gate(store, []).store,
    load: async (...args: Parameters<Store['load']>) => before().then(() => store.load(...args)),
    commit: async (...args: Parameters<Store['commit']>) => before().then(() => store.commit(...args)),
    read: async (...args: Parameters<Store['read']>) => before().then(() => store.read(...args)),
    count: () => calls,
  }
}

test('A document that is made anew at any instant of an append gets nothing of it', async () => {
  const statuses = new Set<number>()
  for (let instant = 0, calls = 1; instant <= calls; instant++) {
    const store = openMemoryStore()
    const { app: elsewhere, basis } = await read({ store })
    const watched = interrupted(store, instant, () => remake(elsewhere))
    const app = openApp({ store: watched })
    const { status } = await postOn(app, basis, producer(0, 0))
    calls = watched.count()
    statuses.add(status)
    // The last instant is after the append.
    if (instant === calls) await remake(elsewhere)
    expect(status).toBe(instant === calls ? 200 : 410)
    expect(await updatesOf(elsewhere)).toBe(0)
  }
  expect(statuses).toEqual(new Set([410, 200]))
})
