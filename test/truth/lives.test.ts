import { afterEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { Header, Path, Query, Sentinel } from '../../protocol/index.ts'
import { ProviderCode } from '../../provider/index.ts'
import type { LocalStore } from '../../provider/local/local-store.ts'
import type { Place } from '../../provider/place.ts'
import { logStream } from '../../server/yjs/names.ts'
import { openApp } from '../http/fixture.ts'
import { settled } from '../streams/world.ts'
import { Endings, opened, readBack, served, until } from './truth-world.ts'

const over = new Endings()
afterEach(() => over.run())

const documentPath = `${Path.yjs}s/${Path.documents}/d`

/** A whole server in this process, whose log the test can trim. */
const trimmable = () => {
  const app = openApp({ compactBytes: 500 })
  const go: typeof fetch = async (input, init) => {
    let url = String(input)
    for (;;) {
      const answer = await app.app.request(url, init)
      if (answer.status !== 307) return Object.defineProperty(answer, 'url', { value: url })
      url = new URL(answer.headers.get('Location') ?? '', url).href
    }
  }
  const name = { service: 's', path: 'd' }
  return {
    url: 'http://localhost',
    fetch: go,
    /** Cuts the log off at the current snapshot. @returns how many bytes are left */
    trim: async () => {
      for (;;) {
        const current = await app.snapshots.current(name)
        if (current?.pointer) {
          const { generation, tail } = current.state
          await app.streams.trim(logStream(name), generation, current.pointer.position)
          return tail - current.pointer.position
        }
        await settled()
      }
    },
  }
}

describe('A log that was trimmed behind a reader', () => {
  test('is read on from the snapshot, and what was edited meanwhile is sent, once', async () => {
    const server = trimmable()
    const { fetch } = server
    const ada = opened(over, server, { fetch })
    const bob = opened(over, server, { fetch })
    ada.text.insert(0, 'one ')
    await until(bob, () => bob.text.toString() === 'one ')
    await bob.provider.whenSynced()
    bob.provider.disconnect()
    bob.text.insert(4, 'mine ')
    for (let at = 0; at < 30; at++) {
      ada.text.insert(0, `${at} and some more `)
      await ada.provider.whenSaved()
    }
    await server.trim()
    const before = bob.requests.length
    void bob.provider.connect()
    await bob.provider.whenSynced()
    const statuses = bob.requests.slice(before).map(({ method, status }) => `${method} ${status}`)
    expect(statuses[0]).toBe('GET 410')
    expect(statuses.filter(request => request.startsWith('PUT'))).toEqual([])
    expect(statuses.filter(request => request.startsWith('POST'))).toEqual(['POST 200'])
    await until(ada, () => ada.text.toString() === bob.text.toString())
    expect(ada.text.toString()).toContain('one mine ')
    expect([bob.errors, bob.provider.unsaved]).toEqual([[], undefined])
  })
})

/** Reads what is asked for until it is cut: then nothing is read any more, while writing goes on. */
const severable = (go: typeof fetch) => {
  let cut = new AbortController()
  const severed: typeof fetch = async (input, init) => {
    if ((init?.method ?? 'GET') !== 'GET') return go(input, init)
    if (cut.signal.aborted) throw new TypeError('the network is cut')
    const answer = await go(input, init)
    const body = answer.body?.pipeThrough(new TransformStream(), { signal: cut.signal })
    return Object.defineProperty(new Response(body, answer), 'url', { value: answer.url })
  }
  return {
    fetch: severed,
    cut: () => cut.abort(),
    mend: () => {
      cut = new AbortController()
    },
  }
}

test('A log that was trimmed behind a reader is known again though its snapshot is older than all this reader knows', async () => {
  const server = trimmable()
  const link = severable(server.fetch)
  const ada = opened(over, server, { fetch: link.fetch })
  await ada.provider.whenSynced()
  link.cut()
  const bob = opened(over, server, { fetch: server.fetch })
  do {
    bob.text.insert(0, 'some more of it ')
    await bob.provider.whenSaved()
  } while (bob.text.length < 500 || (await server.trim()) > 300)
  ada.text.insert(0, 'mine ')
  await ada.provider.whenSaved()
  link.mend()
  await until(ada, () => ada.text.toString() === bob.text.toString() && ada.provider.synced)
  expect(ada.text.toString()).toContain('mine ')
  expect([ada.told, ada.posts().length]).toEqual([[], 1])
})

/** A document that one provider read and edited, and then somebody deleted. */
const deleted = async () => {
  const server = await served(over)
  const ada = opened(over, server)
  ada.text.insert(0, 'old life ')
  await ada.provider.whenSaved()
  const remove = async () => {
    const answer = await fetch(`${server.url}${documentPath}`, { method: 'DELETE' })
    expect(answer.status).toBe(204)
  }
  const recreate = async () => {
    const other = opened(over, server)
    other.text.insert(0, 'new life')
    await other.provider.whenSaved()
    other.provider.destroy()
  }
  const isThere = async () => (await fetch(`${server.url}${documentPath}`, { method: 'HEAD' })).status === 200
  const since = () => {
    const before = ada.requests.length
    return () => ada.requests.slice(before).map(({ method }) => method)
  }
  return { server, ada, remove, recreate, isThere, since }
}

/** What another visit of the same browser finds. */
const withKept = (place: Place) => ({
  offline: true,
  openLocal: async (): Promise<LocalStore> => ({
    loaded: { place, flights: [] },
    keep: async () => undefined,
    keepFlight: async () => undefined,
    dropFlight: async () => undefined,
    clear: async () => undefined,
    close: async () => undefined,
  }),
})

/** Lets a provider read a document, and takes what it would keep of it. */
const placeOf = async (server: { url: string }): Promise<{ place: Place; state: Uint8Array }> => {
  const places: Place[] = []
  const doc = new Y.Doc()
  const empty = withKept({} as Place)
  const visit = opened(over, server, {
    doc,
    offline: true,
    openLocal: async () => ({
      ...(await empty.openLocal()),
      loaded: { place: undefined, flights: [] },
      keep: async place => {
        places.push(place)
      },
    }),
  })
  await visit.provider.whenSynced()
  visit.provider.destroy()
  while (places.length === 0) await settled()
  return { place: places.at(-1) as Place, state: Y.encodeStateAsUpdate(doc) }
}

describe('[deleted] A document that was deleted', () => {
  test('while nobody was connected is not created again, and what is in the page stays', async () => {
    const { ada, remove, isThere, since } = await deleted()
    ada.provider.disconnect()
    await remove()
    ada.text.insert(0, 'still ')
    const asked = since()
    void ada.provider.connect()
    await until(ada, () => ada.told.length > 0)
    expect(ada.told).toMatchObject([['deleted', { code: ProviderCode.documentDeleted, fatal: true }]])
    expect(new Set(asked())).toEqual(new Set(['GET']))
    expect([await isThere(), ada.text.toString()]).toEqual([false, 'still old life '])
    expect([ada.provider.status, ada.provider.unsaved?.why]).toEqual(['disconnected', 'stopped'])
  })

  test('under a live connection is told, whoever notices first', async () => {
    const { ada, remove, isThere, since } = await deleted()
    const asked = since()
    await remove()
    ada.text.insert(0, 'still ')
    await until(ada, () => ada.told.length > 0)
    expect(ada.told.map(([event]) => event)).toEqual(['deleted'])
    expect([await isThere(), asked().includes('PUT')]).toEqual([false, false])
  })

  test('is not created again by a later visit that only kept it', async () => {
    const { server, ada, remove, isThere } = await deleted()
    const { place, state } = await placeOf(server)
    ada.provider.destroy()
    await remove()
    const doc = new Y.Doc()
    Y.applyUpdate(doc, state)
    doc.getText('text').insert(0, 'offline ')
    const later = opened(over, server, { doc, ...withKept(place) })
    await until(later, () => later.told.length > 0)
    expect(later.told.map(([event]) => event)).toEqual(['deleted'])
    expect([...new Set(later.requests.map(({ method }) => method)), await isThere()]).toEqual(['GET', false])
    expect(doc.getText('text').toString()).toBe('offline old life ')
  })

  test('and never known here is told apart where it is not to be created', async () => {
    const server = await served(over)
    const ada = opened(over, server, { create: false })
    await expect(ada.provider.whenSynced()).rejects.toMatchObject({ condition: 'deleted' })
    expect([ada.requests.map(({ method }) => method), ada.errors[0]?.code]).toEqual([
      ['GET'],
      'DOCUMENT_NOT_FOUND',
    ])
  })
})

describe('[reset] A document that was deleted and created again', () => {
  test('is told, and neither is merged into the other', async () => {
    const { server, ada, remove, recreate, since } = await deleted()
    ada.provider.disconnect()
    await remove()
    await recreate()
    ada.text.insert(0, 'still ')
    const asked = since()
    void ada.provider.connect()
    await until(ada, () => ada.told.length > 0)
    expect(ada.told).toMatchObject([['reset', { code: ProviderCode.documentReset, fatal: true }]])
    expect([...new Set(asked())]).toEqual(['GET'])
    expect(ada.text.toString()).toBe('still old life ')
    expect((await readBack(over, server)).getText('text').toString()).toBe('new life')
    expect(ada.provider.unsaved).toMatchObject({ updates: 1, why: 'stopped' })
    await expect(ada.provider.whenSynced()).rejects.toMatchObject({ condition: 'reset' })
  })

  test('is told to a later visit that only kept the old one', async () => {
    const { server, ada, remove, recreate } = await deleted()
    const { place, state } = await placeOf(server)
    ada.provider.destroy()
    await remove()
    await recreate()
    const doc = new Y.Doc()
    Y.applyUpdate(doc, state)
    const later = opened(over, server, { doc, ...withKept(place) })
    await until(later, () => later.told.length > 0)
    expect(later.told.map(([event]) => event)).toEqual(['reset'])
    expect(later.posts()).toEqual([])
    expect(doc.getText('text').toString()).toBe('old life ')
    const first = later.requests[0]
    expect(first?.url.searchParams.get(Query.offset)).not.toBe(Sentinel.snapshot)
    expect((await fetch(`${server.url}${documentPath}`)).headers.has(Header.nextOffset)).toBe(true)
  })
})
