import { beforeEach, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { ContentType, encodeFrames, Header, Live, Query, Sentinel } from '../../protocol/index.ts'
import type { Authorize } from '../../server/access/question.ts'
import { Events } from '../http/events.ts'
import { type App, at, document, from, nextOf, openApp, stream } from '../http/fixture.ts'
import { settled } from '../streams/world.ts'

const s = stream('acme/s')
const d = document('d')
const origin = 'https://app.example.org'
const tokenOf = (who: string) => ({ Authorization: `Bearer ${who}` })

/** Ada may do everything, Bob nothing; who is nobody is asked who it is. */
const authorize: Authorize = ({ request }) => {
  const caller = request.headers.get('Authorization')?.split(' ')[1]
  if (caller === undefined) return 'deny'
  return { verdict: caller === 'ada' ? 'allow' : 'deny', caller }
}

let app: App
let middle: string
let tail: string

const filled = async (opening: Parameters<typeof openApp>[0]) => {
  const opened = openApp({ compactBytes: 1, limits: { readBytes: 4 }, ...opening })
  const headers = tokenOf('ada')
  const first = await opened.send('PUT', s, { headers, type: 'text/plain', body: 'abcd' })
  middle = nextOf(first)
  tail = nextOf(await opened.send('POST', s, { headers, type: 'text/plain', body: 'efgh' }))
  const doc = new Y.Doc()
  doc.getText('t').insert(0, 'of ada')
  await opened.send('PUT', d, {
    headers,
    body: encodeFrames([Y.encodeStateAsUpdate(doc)]),
    type: ContentType.binary,
  })
  await settled(20)
  return opened
}

/** Every kind of answer there is, by what asks for it. */
const kinds = (): readonly (readonly [string, string, string, Record<string, string>?])[] => [
  ['a beginning', 'GET', s],
  ['a chunk that never changes', 'GET', from(s, middle)],
  ['the tail', 'GET', from(s, tail)],
  ['now', 'GET', from(s, Sentinel.tail)],
  ['metadata', 'HEAD', s],
  ['a long-poll', 'GET', from(s, middle, Live.longPoll)],
  ['events', 'GET', from(s, middle, Live.sse)],
  ['a document', 'GET', d],
  ['presence', 'GET', at(d, { [Query.awareness]: 'default' })],
  ['who is there', 'GET', at(d, { [Query.awareness]: 'default', [Query.offset]: Sentinel.snapshot })],
  ['a redirect to a snapshot', 'GET', from(d, Sentinel.snapshot)],
  ['not modified', 'GET', from(s, middle), { 'If-None-Match': '*' }],
  ['nothing there', 'GET', stream('acme/none')],
  ['an offset that is none', 'GET', from(s, 'x')],
  ['a method that is none', 'PATCH', s],
  ['an invalid path', 'GET', '/v1/yjs/svc/docs/%c3'],
  ['nothing served', 'GET', '/v1/other'],
  ['a creation', 'PUT', stream('acme/new')],
  ['an append', 'POST', s, { 'Content-Type': 'text/plain' }],
]

const ask = async (
  app: App,
  [, method, target, headers = {}]: ReturnType<typeof kinds>[number],
  who?: string,
) => {
  const all = { ...headers, ...(who !== undefined && tokenOf(who)), Origin: origin }
  const answer = await app.send(method, target, { headers: all })
  if (answer.headers.get('Content-Type') === ContentType.eventStream) await new Events(answer).leave()
  return answer
}
const snapshotUrl = async (app: App): Promise<string> => {
  const found = await app.send('GET', from(d, Sentinel.snapshot), { headers: tokenOf('ada') })
  return found.headers.get('Location') ?? ''
}
const directives = (answer: Response) => answer.headers.get('Cache-Control')?.split(', ') ?? []

describe('[row 82] With authorize, no shared cache may keep an answer', () => {
  beforeEach(async () => {
    app = await filled({ authorize, origins: [origin, 'https://other.example.org'] })
  })

  test('of any kind, to anybody', async () => {
    const all = [...kinds(), ['a snapshot', 'GET', await snapshotUrl(app)] as const]
    for (const kind of all) {
      for (const who of ['ada', 'bob', undefined]) {
        const answer = await ask(app, kind, who)
        const words = directives(answer)
        expect([kind[0], who, words.includes('private') || words.includes('no-store')]).toEqual([
          kind[0],
          who,
          true,
        ])
        expect(words.filter(one => /public|s-maxage|must-revalidate/.test(one))).toEqual([])
        expect([kind[0], answer.headers.get('Vary')]).toEqual([kind[0], 'Authorization, Origin'])
      }
    }
  })

  test('and the one who asked may keep it as before', async () => {
    const snapshot = await snapshotUrl(app)
    const kept = await ask(app, ['', 'GET', snapshot], 'ada')
    expect(kept.headers.get('Cache-Control')).toBe('private, max-age=31536000, immutable')
    expect(kept.headers.get('ETag')).not.toBeNull()
    const chunk = await app.send('GET', s, { headers: tokenOf('ada') })
    const tag = chunk.headers.get('ETag') ?? ''
    const again = await app.send('GET', s, { headers: { ...tokenOf('ada'), 'If-None-Match': tag } })
    expect([again.status, again.headers.get('ETag'), directives(again)[0]]).toEqual([304, tag, 'private'])
  })

  test('and an answer without a cache’s leave is kept by none', async () => {
    const created = await app.send('PUT', stream('acme/other'), { headers: tokenOf('ada') })
    expect([created.status, created.headers.get('Cache-Control')]).toEqual([201, 'no-store'])
  })
})

test('Without authorize answers are shared, and nothing is said of credentials', async () => {
  app = await filled({})
  const { status, headers } = await app.send('GET', await snapshotUrl(app), { headers: tokenOf('ada') })
  expect([status, headers.get('Cache-Control'), headers.get('Vary')]).toEqual([
    200,
    expect.stringContaining('public'),
    null,
  ])
})

type Fetch = (url: string, headers: Record<string, string>) => Promise<Response>

/**
 * A shared cache that does what RFC 9111 lets it, and no less: it keeps whatever it may (section 3), for as long as it
 * may, and gives it to whoever asks with the same key (section 4).
 */
class SharedCache {
  readonly #fetch: Fetch
  readonly #kept = new Map<
    string,
    { vary: readonly string[]; asked: Headers; answer: Response; mustAsk: boolean }[]
  >()
  hits = 0

  constructor(fetch: Fetch) {
    this.#fetch = fetch
  }

  async get(url: string, headers: Record<string, string>): Promise<Response> {
    const asked = new Headers(headers)
    const found = this.#kept
      .get(url)
      ?.find(({ vary, asked: before }) => vary.every(name => before.get(name) === asked.get(name)))
    if (found) {
      const tag = found.answer.headers.get('ETag')
      const valid =
        !found.mustAsk ||
        (tag && (await this.#fetch(url, { ...headers, 'If-None-Match': tag })).status === 304)
      if (valid) {
        this.hits++
        return found.answer.clone()
      }
    }
    const answer = await this.#fetch(url, headers)
    const control = directives(answer)
    const isShared = control.includes('public') || control.some(one => /^s-maxage=|must-revalidate/.test(one))
    const mayKeep =
      ![206, 304, 307].includes(answer.status) &&
      !control.includes('no-store') &&
      !control.includes('private') &&
      (!asked.has('Authorization') || isShared)
    if (mayKeep) {
      const vary = answer.headers.get('Vary')?.split(', ') ?? []
      const kept = { vary, asked, answer: answer.clone(), mustAsk: control.includes('no-cache') }
      this.#kept.set(url, [...(this.#kept.get(url) ?? []), kept])
    }
    return answer
  }
}

describe('[row 82] Two tenants behind one shared cache', () => {
  const readsOf = async (through: App) =>
    [
      ...kinds()
        .filter(([, method]) => method === 'GET')
        .map(([, , url]) => url),
      await snapshotUrl(through),
    ].filter(url => !url.includes(Live.sse))

  test('get nothing of each other', async () => {
    app = await filled({ authorize })
    const cache = new SharedCache((url, headers) => app.send('GET', url, { headers }))
    for (const url of await readsOf(app)) {
      const ada = await cache.get(url, tokenOf('ada'))
      const bob = await cache.get(url, tokenOf('bob'))
      const nobody = await cache.get(url, {})
      if (ada.status < 400) expect([url, bob.status, nobody.status]).toEqual([url, 403, 401])
      expect((await cache.get(url, tokenOf('ada'))).status).toBe(ada.status)
    }
    expect(cache.hits).toBe(0)
  })

  test('while that cache serves everybody where there are none', async () => {
    app = await filled({})
    const cache = new SharedCache((url, headers) => app.send('GET', url, { headers }))
    for (const url of await readsOf(app)) for (let at = 0; at < 2; at++) await cache.get(url, tokenOf('ada'))
    expect(cache.hits).toBeGreaterThan(0)
    expect((await cache.get(from(s, middle), tokenOf('bob'))).headers.get(Header.nextOffset)).toBe(tail)
  })
})
