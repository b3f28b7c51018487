import { describe, expect, test } from 'vitest'
import { ErrorCode, Header, Path } from '../../protocol/index.ts'
import { StoreFailure } from '../../server/store/failure.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { gate } from '../streams/gates.ts'
import { settled } from '../streams/world.ts'
import { codeOf, document, openApp, stream } from './fixture.ts'

const s = stream('s')
const text = { type: 'text/plain' }

describe('A method', () => {
  test.each(['PATCH', 'PROPFIND', 'QUERY', 'LINK'])(
    '[row 46] %s is 405 and told which there are',
    async method => {
      const { send } = openApp()
      for (const target of [s, stream('unknown/deep'), document('d')]) {
        const answer = await send(method, target)
        expect([answer.status, await codeOf(answer)]).toEqual([405, ErrorCode.methodNotAllowed])
        for (const allowed of ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS']) {
          expect(answer.headers.get('Allow')?.split(', ')).toContain(allowed)
        }
      }
    },
  )

  test('OPTIONS is 204 and says which methods there are', async () => {
    const answer = await openApp().send('OPTIONS', s)
    expect([answer.status, await answer.text()]).toEqual([204, ''])
    expect(answer.headers.get('Allow')).toContain('POST')
  })
})

describe('A path', () => {
  test.each(['/', '/v1', '/v1/stream/', '/v1/stream', '/v2/stream/s', '/favicon.ico'])(
    '%s where nothing is served is 404',
    async path => {
      const answer = await openApp().send('GET', path)
      expect([answer.status, await codeOf(answer)]).toEqual([404, ErrorCode.notFound])
    },
  )

  test('may be as deep and as odd as it likes', async () => {
    const { send } = openApp()
    const names = ['a/b/c', 'a%20b', '%C3%A9', 'a+b', 'a:b@c', '%2e.x', 'A', '%25', "it's(*)"]
    for (const name of names) {
      expect((await send('PUT', stream(name), { ...text, body: name })).status).toBe(201)
    }
    for (const name of names) expect(await (await send('GET', stream(name))).text()).toBe(name)
  })

  test('is the same however its characters are escaped', async () => {
    const { send } = openApp()
    await send('PUT', stream('abc'), { ...text, body: 'x' })
    expect((await send('GET', stream('%61b%63'))).status).toBe(200)
  })

  test.each(['a/./b', 'a/../b', './a', '..', 'a/%2e/b', 'a/%2E%2e/b', '%2e%2e/s', '.%2e'])(
    '[row 70] with the dot segment in %s is 400, before any parser resolves it',
    async name => {
      const { send } = openApp()
      await send('PUT', s, text)
      for (const method of ['GET', 'PUT', 'DELETE']) {
        // The URL as such a parser leaves it, and the target as it came.
        const answer = await send(method, s, { raw: `${Path.streams}${name}` })
        expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
      }
      expect((await send('HEAD', s)).status).toBe(200)
    },
  )

  test.each([
    'a%2fb',
    'a%2Fb',
    'a%5cb',
    'a\\b',
    '%00',
    'a%0ab',
    '%7f',
    '%zz',
    '%',
    '%c3',
    '%ff',
    '%ed%a0%80',
  ])('[row 70] with %s in it is 400', async name => {
    const { send } = openApp()
    const answer = await send('PUT', s, { raw: `${Path.streams}${name}` })
    expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
    expect((await send('HEAD', s)).status).toBe(404)
  })

  test('[row 70] is at most 512 bytes long, decoded', async () => {
    const { send } = openApp()
    for (const [name, status] of [
      ['a'.repeat(512), 201],
      ['a'.repeat(513), 400],
      ['%C3%A9'.repeat(256), 201],
      ['%C3%A9'.repeat(257), 400],
    ] as const) {
      expect((await send('PUT', stream(name), text)).status).toBe(status)
    }
  })

  test('[row 71] with runs of slashes is the path without', async () => {
    const { send } = openApp()
    expect((await send('PUT', stream('/a///b//'), { ...text, body: 'x' })).status).toBe(201)
    expect(await (await send('GET', stream('a/b'))).text()).toBe('x')
    expect((await send('PUT', stream('a/b'), text)).status).toBe(200)
  })
})

/** A store that throws when it is asked to. */
const breakable = () => {
  const inner = openMemoryStore()
  const broken: { by: Error | undefined } = { by: undefined }
  const may = <Args extends unknown[], Result>(ask: (...args: Args) => Promise<Result>) => {
    return (...args: Args): Promise<Result> => (broken.by ? Promise.reject(broken.by) : ask(...args))
  }
  const store: Store = {
    ...gate(inner, []).store,
    load: may((...args: Parameters<Store['load']>) => inner.load(...args)),
    commit: may((...args: Parameters<Store['commit']>) => inner.commit(...args)),
    remove: may((...args: Parameters<Store['remove']>) => inner.remove(...args)),
  }
  return { store, broken }
}

describe('A failure', () => {
  const requests = [
    ['PUT', stream('t'), text],
    ['POST', s, { ...text, body: 'x' }],
    ['GET', s, {}],
    ['HEAD', s, {}],
    ['DELETE', s, {}],
    ['GET', `${s}?offset=-1&live=sse`, {}],
    ['GET', `${s}?offset=now&live=long-poll`, {}],
    ['PUT', document('d'), {}],
    ['GET', `${document('d')}?offset=snapshot`, {}],
    ['GET', `${document('d')}?awareness=default&offset=now`, {}],
  ] as const

  test.each(requests)(
    '[row 85] of the store during %s %s is 500 and tells nothing',
    async (method, target, asked) => {
      const { store, broken } = breakable()
      const { send, logged, streams } = openApp({ store })
      await send('PUT', s, text)
      broken.by = new StoreFailure('failed', 'EIO at /var/secret', { cause: new Error('EIO') })
      const answer = await send(method, target, asked)
      const body = await answer.text()
      expect(answer.status).toBe(500)
      if (method !== 'HEAD') expect(JSON.parse(body).error.code).toBe(ErrorCode.internal)
      expect(body).not.toMatch(/EIO|secret|\bat /)
      expect(logged.filter(({ level }) => level === 50)).toMatchObject([{ err: { code: 'failed' } }])
      expect(streams.readers('stream/s')).toBe(0)
    },
  )

  test('[row 85] of the disk for good answers every later write 500, and reads of what was kept as before', async () => {
    let failing = false
    const store = openMemoryStore({
      onWrite: write => (failing ? Promise.reject(new Error('EIO')) : write()),
    })
    const { send } = openApp({ store })
    await send('PUT', s, { ...text, body: 'kept' })
    failing = true
    expect((await send('POST', s, { ...text, body: 'x' })).status).toBe(500)
    failing = false
    expect((await send('POST', s, { ...text, body: 'x' })).status).toBe(500)
    expect((await send('PUT', stream('t'), text)).status).toBe(500)
    expect((await send('DELETE', s)).status).toBe(500)
    expect(await (await send('GET', s)).text()).toBe('kept')
  })

  test('for lack of room is 507', async () => {
    const { store, broken } = breakable()
    const { send } = openApp({ store })
    await send('PUT', s, text)
    broken.by = new StoreFailure('full', 'no room in /var/secret')
    const answer = await send('POST', s, { ...text, body: 'x' })
    expect([answer.status, await codeOf(answer)]).toEqual([507, ErrorCode.storageFull])
  })

  test('of any other kind is 500 and logged once', async () => {
    const { store, broken } = breakable()
    const { send, logged } = openApp({ store })
    broken.by = new TypeError('a bug')
    const answer = await send('GET', s)
    expect([answer.status, await codeOf(answer)]).toEqual([500, ErrorCode.internal])
    expect(logged.filter(({ level }) => level === 50)).toHaveLength(1)
  })
})

describe('A server that stops', () => {
  test('refuses new requests with 503 and a time to come back, but is alive', async () => {
    let ready = true
    const { send } = openApp({ ready: () => ready })
    await send('PUT', s, text)
    expect((await send('GET', '/readyz')).status).toBe(200)
    ready = false
    for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH']) {
      for (const target of [s, document('d')]) {
        const answer = await send(method, target)
        expect(answer.status).toBe(503)
        expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/)
        expect(answer.headers.get('Connection')).toBe('close')
        if (method !== 'HEAD') expect(await codeOf(answer)).toBe(ErrorCode.shuttingDown)
      }
    }
    const health = await send('GET', '/healthz')
    expect([health.status, health.headers.get('Cache-Control')]).toEqual([200, 'no-store'])
    expect(await (await openApp({ ready: () => false }).app.request('/readyz')).text()).toBe('draining\n')
    expect((await openApp({ ready: () => false }).app.request('/readyz')).status).toBe(503)
    expect((await send('OPTIONS', s)).status).toBe(204)
  })
})

test('A site beside the service gets what is not the service’s, and nothing of it', async () => {
  const asked: string[] = []
  const site = (request: Request) => {
    asked.push(new URL(request.url).pathname)
    return new Response('site')
  }
  const { app } = openApp({ site })
  expect(await (await app.request('/')).text()).toBe('site')
  expect((await app.request(s)).status).toBe(404)
  expect((await app.request('/healthz')).status).toBe(200)
  expect(asked).toEqual(['/'])
})

test('The log names each request by method, path and status, and never its query, its body or its token', async () => {
  const { send, logged } = openApp()
  await send('PUT', s, { ...text, body: 'a secret body', headers: { Authorization: 'Bearer secret' } })
  await send('GET', `${s}?offset=-1&token=secret`)
  const lines = logged.filter(({ msg }) => msg === 'request')
  expect(lines).toMatchObject([
    { method: 'PUT', path: s, status: 201 },
    { method: 'GET', path: s, status: 200 },
  ])
  expect(new Set(lines.map(({ requestId }) => requestId)).size).toBe(2)
  expect(JSON.stringify(logged)).not.toMatch(/secret|offset=/)
})

test('The log says how long a request took, though the clock is set back meanwhile', async () => {
  const gated = gate(openMemoryStore(), ['load'], ['asked'])
  const { send, logged, world } = openApp({ store: gated.store })
  const answer = send('GET', s)
  await settled()
  world.time += 30.4
  world.skewMs = -3_600_000
  gated.open()
  expect((await answer).status).toBe(404)
  expect(logged.filter(({ msg }) => msg === 'request')).toMatchObject([{ status: 404, ms: 30 }])
})

test('Every answer keeps browsers from guessing its type, and says whether other sites may embed it', async () => {
  // `send` looks at the headers of each; here is one of each kind.
  const { send } = openApp()
  const statuses: number[] = []
  for (const [method, target, asked] of [
    ['PUT', s, { ...text, body: 'x' }],
    ['PUT', s, { ...text, body: 'x' }],
    ['POST', s, { ...text, body: 'y' }],
    ['GET', s, {}],
    ['GET', s, { headers: { 'If-None-Match': '*' } }],
    ['HEAD', s, {}],
    ['OPTIONS', s, {}],
    ['PATCH', s, {}],
    ['GET', stream('none'), {}],
    ['HEAD', stream('none'), {}],
    ['GET', '/nothing', {}],
    ['PUT', document('d'), {}],
    ['GET', `${document('d')}?offset=snapshot`, {}],
    ['POST', s, { headers: { [Header.closed]: 'true' } }],
    ['POST', s, { ...text, body: 'z' }],
    ['DELETE', s, {}],
    ['GET', '/healthz', {}],
  ] as const) {
    statuses.push((await send(method, target, asked)).status)
  }
  expect(statuses).toEqual([
    201, 200, 204, 200, 304, 200, 204, 405, 404, 404, 404, 201, 307, 204, 409, 204, 200,
  ])
})
