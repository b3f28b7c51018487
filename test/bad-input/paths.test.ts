import { expect, test } from 'vitest'
import { ErrorCode, Header, Path, Query, ReservedSegment, Sentinel } from '../../protocol/index.ts'
import { stream } from '../http/fixture.ts'
import { framed, typing } from '../yjs/fixture.ts'
import { and, header, useArena, verdictOf } from './arena.ts'

const arena = useArena({ site: () => new Response('the site') })
const text = { type: 'text/plain' }
const invalid = [400, ErrorCode.invalidRequest]
const methods = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'PATCH']
const documents = `${Path.yjs}svc/${Path.documents}/`

/** Every method is refused there, and `target` is what it was. */
const refusedEverywhere = async (raw: string, target: string) => {
  const here = arena()
  await here.untouched(target, async () => {
    for (const method of methods) {
      const answer = await here.ask(
        method,
        raw,
        method === 'GET' || method === 'HEAD' ? {} : { ...text, body: 'x' },
      )
      expect(answer.status).toBe(400)
      if (method !== 'HEAD') expect(verdictOf(answer)).toEqual(invalid)
    }
  })
}

const dots = ['.', '..', '%2e', '%2E%2e', '.%2e', '%2e.']

test.each(dots.flatMap(dot => [`${dot}/s`, `a/${dot}/s`, `a/${dot}`, `${dot}`]))(
  '[row 70] the dot segment in the path %s is 400 before any parser resolves it',
  async name => {
    const here = arena()
    const [target, log] = [await here.stream('abc'), await here.document()]
    const own = target.slice(Path.streams.length)
    await refusedEverywhere(`${Path.streams}${name.replace('s', own)}`, target)
    await refusedEverywhere(`${documents}${name}`, log)
  },
)

test.each([
  (path: string) => path.replace('/v1/', '/v1/./'),
  (path: string) => path.replace('/v1/', '/v1/x/../'),
  (path: string) => path.replace('/v1/', '/v1/%2e/'),
  (path: string) => path.replace('/v1/', '/v1/x/%2e%2e/'),
  (path: string) => path.replace('/v1/', '/%2e%2e/v1/'),
  (path: string) => `/..${path}`,
  (path: string) => `/healthz/..${path}`,
  (path: string) => `/x/%2E.${path}`,
  (path: string) => `http://elsewhere/.${path}`,
])('[row 70] a dot segment in the prefix is 400: %s', async spelled => {
  const here = arena()
  for (const target of [await here.stream('abc'), await here.document()]) {
    await refusedEverywhere(spelled(target), target)
  }
})

test.each(['/..', '/.', '/%2e%2e/etc/passwd', '/a/..%2f..', '/%zz', '/%00'])(
  '[row 70] %s never reaches a site beside the service',
  async path => {
    expect(verdictOf(await arena().ask('GET', path))).toEqual(invalid)
    const answer = await fetch(`${arena().url}/a%20b?x=..`)
    expect(await answer.text()).toBe('the site')
  },
)

test.each([
  'a%2fb',
  'a%2Fb',
  '..%2fa',
  'a%5cb',
  '%00',
  'a%0ab',
  '%0d%0a',
  '%7f',
  '%zz',
  '%',
  '%c3',
  '%ff',
  '%ed%a0%80',
  '%e0%80%af',
])('[row 70] the escape in %s is 400', async name => {
  const here = arena()
  for (const prefix of [Path.streams, documents]) {
    for (const method of methods) {
      const answer = await here.ask(
        method,
        `${prefix}${name}`,
        method === 'PUT' || method === 'POST' ? text : {},
      )
      expect(answer.status).toBe(400)
    }
  }
})

test.each(['%252e%252e', '%252e', 'a.b', '%C3%A9', 'a%20b', 'a+b', '~a', '%25', 'a%3Fb', 'a%23b', 'a@b'])(
  '[row 70] the document path %s is 400, though a stream may have it',
  async name => {
    const here = arena()
    for (const target of [
      `${documents}${name}`,
      `${documents}a/${name}`,
      `${Path.yjs}${name}/${Path.documents}/a`,
    ]) {
      for (const method of ['PUT', 'GET', 'POST', 'DELETE']) {
        expect(verdictOf(await here.ask(method, target, method === 'POST' ? text : {}))).toEqual(invalid)
      }
    }
    expect((await here.ask('PUT', `${Path.streams}${here.fresh()}/${name}`, text)).status).toBe(201)
  },
)

test('[row 70] a path is at most so long', async () => {
  const here = arena()
  const a = 'a'.repeat(128)
  for (const [path, status] of [
    [a, 201],
    [`${a}a`, 400],
    [`${a}/${'a'.repeat(127)}`, 201],
    [`${a}/${a}`, 400],
    [Array.from({ length: 128 }, () => 'a').join('/'), 201],
    [Array.from({ length: 129 }, () => 'a').join('/'), 400],
  ] as const) {
    expect((await here.ask('PUT', `${documents}${path}`)).status).toBe(status)
  }
  for (const [name, status] of [
    ['b'.repeat(512), 201],
    ['b'.repeat(513), 400],
    ['%C3%A9'.repeat(256), 201],
    [`${'%C3%A9'.repeat(256)}b`, 400],
  ] as const) {
    expect((await here.ask('PUT', stream(name), text)).status).toBe(status)
  }
})

test.each(['é', 'a\u00e9', '日本'])('[row 70] %s as bytes in the path is 400', async name => {
  const connection = await arena().connect()
  connection.send(Buffer.from(`GET ${documents}${name} HTTP/1.1\r\nHost: arena\r\n\r\n`))
  const { text: said } = await connection.untilEnd()
  expect(said).toMatch(/^HTTP\/1\.1 400 /)
  expect(said).toContain(ErrorCode.invalidRequest)
  expect(said).toContain('X-Content-Type-Options: nosniff')
})

test.each([
  (path: string) => `/${path}`,
  (path: string) => `//${path}`,
  (path: string) => path.replaceAll('/', '//'),
  (path: string) => path.replaceAll('/', '///'),
  (path: string) => path.replace('/v1/', '/v1//'),
  (path: string) => `${path}/`,
  (path: string) => `${path}//`,
  (path: string) => path.replace('v1', '%76%31'),
  (path: string) => `http://elsewhere:1/${path}`,
])('[row 71] runs of slashes are one, in the prefix as in the name: %s', async spelled => {
  const here = arena()
  const target = `${await here.stream()}/deep`
  const log = `${documents}${here.fresh()}/deep`
  for (const [method, path, asked, status] of [
    ['PUT', target, { ...text, body: 'abc' }, 201],
    ['PUT', log, { body: framed(...typing(1)), type: 'application/octet-stream' }, 201],
    ['GET', target, {}, 200],
    ['GET', `${log}`, {}, 200],
    ['HEAD', target, {}, 200],
    ['POST', target, { ...text, body: 'd' }, 204],
  ] as const) {
    expect((await here.ask(method, spelled(path), asked)).status).toBe(status)
  }
  expect((await here.ask('GET', target)).text).toBe('abcd')
  expect((await here.ask('PUT', log)).status).toBe(200)
  expect((await here.ask('DELETE', spelled(target))).status).toBe(204)
  expect((await here.ask('HEAD', target)).status).toBe(404)
  expect((await here.ask('GET', spelled('/healthz'))).text).toBe('alive\n')
})

test.each([
  (path: string) => path,
  (path: string) => `/${path}`,
  (path: string) => path.replaceAll('/', '//'),
  (path: string) => `//evil.example/..${path}`,
  (path: string) => `http://evil.example${path}`,
  (path: string) => `http://evil.example/${path}`,
  (path: string) => path.replace('svc', '%73vc'),
])('[row 71] the way to a snapshot never leads to another host: %s', async spelled => {
  const here = arena()
  const target = await here.document(framed(...typing(1)))
  const answer = await here.ask(
    'GET',
    and(spelled(target), { [Query.offset]: Sentinel.snapshot, x: '//evil.example' }),
  )
  if (spelled(target).includes('..')) return expect(verdictOf(answer)).toEqual(invalid)
  expect(answer.status).toBe(307)
  const location = header(answer, 'Location') ?? ''
  expect(location.split('?')[0]).toBe(target)
  expect(new URL(location, here.url).host).toBe(new URL(here.url).host)
})

test.each([
  `${ReservedSegment}`,
  `${ReservedSegment}/x`,
  `a/${ReservedSegment}/b`,
  '%5f_ds/x',
  `/${ReservedSegment}`,
])('[row 52] %s is never a stream', async name => {
  const here = arena()
  for (const method of ['PUT', 'GET', 'POST', 'DELETE']) {
    const answer = await here.ask(
      method,
      stream(name),
      method === 'PUT' || method === 'POST' ? { ...text, body: 'x' } : {},
    )
    expect(answer.status).toBe(404)
  }
  expect(header(await here.ask('HEAD', stream(name)), Header.nextOffset)).toBeUndefined()
})
