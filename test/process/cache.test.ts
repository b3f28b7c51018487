import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import * as Y from 'yjs'
import { DurableStream } from '../../client/index.ts'
import { ContentType, encodeFrames, Header, Live, Path, Query, Sentinel } from '../../protocol/index.ts'
import { startServer } from '../../server/index.ts'
import { type Served, serve } from './launch.ts'
import { cacheStatus, isKept, openCache } from './nginx.ts'

const { offset, live, awareness } = Query
const args = ['--store', 'memory', '--log-level', 'debug', '--long-poll-ms', '300']
const small = ['--read-bytes', '1000', '--compact-bytes', '2000']

let server: Served
let cache: string
beforeAll(async () => {
  server = await serve([...args, ...small])
  cache = await openCache(server.url)
}, 400_000)

const ask = (target: string, init?: RequestInit): Promise<Response> =>
  fetch(`${cache}${target}`, { redirect: 'manual', ...init })
/** The answer out of the cache: it is there a moment after whoever asked first has it. */
const askKept = async (target: string, headers: Record<string, string> = {}): Promise<Response> => {
  for (;;) {
    const answer = await fetch(new URL(target, cache), { headers })
    if (isKept(answer)) return answer
    await answer.arrayBuffer()
  }
}
const nextOf = (answer: Response): string => answer.headers.get(Header.nextOffset) ?? ''
const readAt = (path: string, at: string): string => `${path}?${offset}=${at}`
const pollAt = (path: string, at: string): string => `${path}?${live}=${Live.longPoll}&${offset}=${at}`

/** How many requests for a path have reached a server, by its own log, when everything so far has been logged. */
const served = async (path: string, { url, program }: Served = server): Promise<number> => {
  const marker = `/all-before-${program.log.length}`
  await fetch(`${url}${marker}`)
  await program.logged(line => line['path'] === marker)
  return program.log.filter(line => line['path'] === path).length
}

const bodyOf = (letter: string): string => letter.repeat(800)

/** A stream of three appends that are a chunk each. @returns the offset before each */
const threeChunks = async (path: string, letters = 'abc', at: string = cache): Promise<readonly string[]> => {
  const stream = new DurableStream({ url: `${at}${path}`, contentType: 'text/plain' })
  await stream.create()
  const offsets: string[] = []
  for (const letter of letters) {
    offsets.push((await stream.head()).next)
    await stream.append(bodyOf(letter))
  }
  return offsets
}

let streams = 0
const newPath = (): string => `${Path.streams}s${streams++}`

describe('catch-up reads', () => {
  test('of a chunk before the tail reach the server until it is kept, and no more', async () => {
    const path = newPath()
    const [, second = ''] = await threeChunks(path)
    const first = await ask(readAt(path, second))
    expect([cacheStatus(first), await first.text()]).toEqual(['MISS', bodyOf('b')])
    await (await askKept(readAt(path, second))).text()
    const before = await served(path)
    for (let count = 0; count < 5; count++) {
      const answer = await ask(readAt(path, second))
      expect([cacheStatus(answer), nextOf(answer)]).toEqual(['HIT', nextOf(first)])
      expect(await answer.text()).toBe(bodyOf('b'))
    }
    expect(await served(path)).toBe(before)
  })

  test('at the tail, and from the start, see every append at once', async () => {
    const path = newPath()
    const [, , third = ''] = await threeChunks(path)
    const { next } = await new DurableStream({ url: `${cache}${path}` }).head()
    expect(await (await ask(readAt(path, third))).text()).toBe(bodyOf('c'))
    expect(await (await ask(readAt(path, next))).text()).toBe('')
    await new DurableStream({ url: `${cache}${path}`, contentType: 'text/plain' }).append('d')
    expect(await (await ask(readAt(path, third))).text()).toBe(`${bodyOf('c')}d`)
    expect(await (await ask(readAt(path, next))).text()).toBe('d')
    const whole = await ask(path)
    expect([isKept(whole), await whole.text()]).toEqual([false, bodyOf('a')])
  })

  test('of what a reader has already are answered 304, until there is more', async () => {
    const path = newPath()
    const [, , third = ''] = await threeChunks(path)
    const first = await ask(readAt(path, third))
    await first.text()
    const conditional = { headers: { 'If-None-Match': first.headers.get('ETag') ?? '' } }
    const same = await ask(readAt(path, third), conditional)
    expect([same.status, await same.text()]).toEqual([304, ''])
    await new DurableStream({ url: `${cache}${path}`, contentType: 'text/plain' }).append('d')
    const more = await ask(readAt(path, third), conditional)
    expect([more.status, await more.text()]).toEqual([200, `${bodyOf('c')}d`])
  })

  test('[row 77] of a range are answered whole, also out of the cache', async () => {
    const path = newPath()
    const [, second = ''] = await threeChunks(path)
    const answer = await askKept(readAt(path, second), { Range: 'bytes=0-1' })
    expect([answer.status, await answer.text()]).toEqual([200, bodyOf('b')])
  })

  test('under a query that two could read differently give nobody else a wrong chunk', async () => {
    const path = newPath()
    const [, second = '', third = ''] = await threeChunks(path)
    const upper = offset.toUpperCase()
    for (const query of [
      `${upper}=${third}&${offset}=${second}`,
      `${offset}=${second}&${upper}=${third}`,
      `${offset}=${second}&${offset}=${third}`,
      `${live}=&${offset}=${second}`,
    ]) {
      await (await ask(`${path}?${query}`)).text()
    }
    expect(await (await ask(readAt(path, second))).text()).toBe(bodyOf('b'))
    expect(await (await ask(readAt(path, third))).text()).toBe(bodyOf('c'))
  })
})

describe('snapshots', () => {
  test('reach the server once for a crowd of joiners, and who leads there is asked each time', async () => {
    const path = `${Path.yjs}s/${Path.documents}/snapshots`
    const doc = new Y.Doc()
    doc.getText('body').insert(0, 'word '.repeat(1_000))
    await ask(path, { method: 'PUT' })
    const body = encodeFrames([Y.encodeStateAsUpdate(doc)]) as Uint8Array<ArrayBuffer>
    await ask(path, { method: 'POST', headers: { 'Content-Type': ContentType.binary }, body })
    let location = ''
    while (!location.endsWith(`_${Sentinel.snapshot}`)) {
      const answer = await ask(readAt(path, Sentinel.snapshot))
      expect([answer.status, cacheStatus(answer)]).toEqual([307, undefined])
      location = answer.headers.get('Location') ?? ''
    }
    const before = await served(path)
    const crowd = await Promise.all(Array.from({ length: 30 }, () => ask(location)))
    for (const answer of crowd) {
      const copy = new Y.Doc()
      Y.applyUpdate(copy, new Uint8Array(await answer.arrayBuffer()))
      expect(copy.getText('body').toString()).toBe(doc.getText('body').toString())
    }
    expect(crowd.filter(isKept)).toHaveLength(29)
    expect(await served(path)).toBe(before + 1)
  })
})

describe('waits', () => {
  test('that end without bytes are answered together, and that answer is given to nobody for long', async () => {
    const path = newPath()
    await threeChunks(path)
    const { next } = await new DurableStream({ url: `${cache}${path}` }).head()
    const before = await served(path)
    const both = await Promise.all([ask(pollAt(path, next)), ask(pollAt(path, next))])
    expect(both.map(answer => answer.status)).toEqual([204, 204])
    expect(await served(path)).toBe(before + 1)
    const since = Date.now()
    while (isKept(await ask(pollAt(path, next))));
    expect(Date.now() - since).toBeLessThan(20_000)
    expect(await served(path)).toBe(before + 2)
  })

  test('that end with bytes are answered together, and to a latecomer at once', async () => {
    const path = newPath()
    await threeChunks(path)
    const stream = new DurableStream({ url: `${cache}${path}`, contentType: 'text/plain' })
    const { next } = await stream.head()
    const before = await served(path)
    const waiting = Promise.all([ask(pollAt(path, next)), ask(pollAt(path, next))])
    await stream.append('d')
    const latecomer = await ask(pollAt(path, next))
    for (const answer of [...(await waiting), latecomer]) {
      expect([answer.status, await answer.text()]).toEqual([200, 'd'])
    }
    expect(isKept(latecomer)).toBe(true)
    expect(await served(path)).toBe(before + 2) // and the append
  })

  test('for events are answered event by event', async () => {
    const path = newPath()
    const stream = new DurableStream({ url: `${cache}${path}`, contentType: 'text/plain' })
    const { next } = await stream.create()
    let appends = 0
    for await (const { bytes } of stream.follow({ live: Live.sse, offset: next })) {
      if (appends > 0) expect(new TextDecoder().decode(bytes)).toBe(`event ${appends}`)
      if (appends === 3) break
      await stream.append(`event ${++appends}`)
    }
    const answer = await ask(`${path}?${live}=${Live.sse}&${offset}=${next}`)
    expect([answer.headers.get('Content-Type'), cacheStatus(answer)]).toEqual([
      ContentType.eventStream,
      undefined,
    ])
    await answer.body?.cancel()
  })
})

describe('what no shared cache may keep', () => {
  const document = `${Path.yjs}s/${Path.documents}/private`
  const presence = `${document}?${awareness}=default`
  let path: string
  let tokens: readonly string[]
  let presenceToken: string
  beforeAll(async () => {
    path = newPath()
    tokens = await threeChunks(path)
    await ask(document, { method: 'PUT' })
    presenceToken = nextOf(await ask(`${presence}&${offset}=${Sentinel.tail}`))
    const body = encodeFrames([Buffer.from('who is here')]) as Uint8Array<ArrayBuffer>
    await ask(presence, { method: 'POST', headers: { 'Content-Type': ContentType.binary }, body })
  })

  const cases: readonly (readonly [string, number, () => string, RequestInit?])[] = [
    ['no such stream', 404, () => readAt(newPath(), tokens[1] ?? '')],
    ['no such snapshot', 404, () => readAt(document, `${tokens[1]}_${Sentinel.snapshot}`)],
    ['no such offset', 400, () => readAt(path, '7_7')],
    ['a wait at no such offset', 400, () => pollAt(path, '7_7')],
    ['an offset of an earlier life', 410, () => readAt(path, `${'1'.padStart(16, '0')}_${'0'.repeat(16)}`)],
    ['the tail', 200, () => readAt(path, Sentinel.tail)],
    ['a wait at the tail', 204, () => pollAt(path, Sentinel.tail)],
    ['the start', 200, () => readAt(path, Sentinel.start)],
    ['a wait at the start', 200, () => pollAt(path, Sentinel.start)],
    ['where to begin', 307, () => readAt(document, Sentinel.snapshot)],
    ['who is here', 200, () => `${presence}&${offset}=${Sentinel.snapshot}`],
    ['who was here', 200, () => `${presence}&${offset}=${presenceToken}`],
    ['who comes', 200, () => `${presence}&${live}=${Live.longPoll}&${offset}=${presenceToken}`],
    ['HEAD', 200, () => path, { method: 'HEAD' }],
    ['HEAD of a chunk', 200, () => readAt(path, tokens[1] ?? ''), { method: 'HEAD' }],
    ['POST', 204, () => path, { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: 'd' }],
    ['OPTIONS', 204, () => path, { method: 'OPTIONS' }],
    ['health', 200, () => '/healthz'],
  ]
  for (const [what, status, targetOf, init] of cases) {
    test(`${what}, answered ${status}, comes from the server each time`, async () => {
      const target = targetOf()
      const [asked = ''] = target.split('?')
      const before = await served(asked)
      for (let times = 1; times <= 3; times++) {
        const answer = await ask(target, init)
        await answer.arrayBuffer()
        expect([answer.status, isKept(answer)]).toEqual([status, false])
        expect(await served(asked)).toBe(before + times)
      }
    })
  }

  test.each(['Bearer token', '0'])(
    'anything asked for with "Authorization: %s" comes from the server and is kept for nobody',
    async Authorization => {
      const own = newPath()
      const [, second = '', third = ''] = await threeChunks(own)
      for (const target of [readAt(own, second), pollAt(own, third)]) {
        const withIt = await ask(target, { headers: { Authorization } })
        await withIt.arrayBuffer()
        const without = await ask(target)
        await without.arrayBuffer()
        expect([cacheStatus(withIt), cacheStatus(without)]).toEqual([undefined, 'MISS'])
        await (await askKept(target)).arrayBuffer()
        const before = await served(own)
        const again = await ask(target, { headers: { Authorization } })
        await again.arrayBuffer()
        expect([cacheStatus(again), await served(own)]).toEqual([undefined, before + 1])
      }
    },
  )

  test('[row 83] a stream that was deleted and made again answers nothing of its earlier life', async () => {
    const own = newPath()
    const old = await threeChunks(own, 'abc')
    for (const at of old)
      for (const target of [readAt(own, at), pollAt(own, at)]) await (await ask(target)).text()
    await ask(own, { method: 'DELETE' })
    expect((await ask(own)).status).toBe(404)
    const fresh = await threeChunks(own, 'xyz')
    const texts: string[] = []
    for (const at of [...fresh, Sentinel.start]) {
      for (const target of [readAt(own, at), pollAt(own, at)]) texts.push(await (await ask(target)).text())
    }
    expect(texts.join('')).toMatch(/^[xyz]+$/)
    expect(texts.slice(0, 6)).toEqual(['x', 'x', 'y', 'y', 'z', 'z'].map(bodyOf))
    // Who still holds an offset of the earlier life gets what that life had there, or is told that it is over.
    for (const [index, at] of old.entries()) {
      const answer = await ask(readAt(own, at))
      const text = await answer.text()
      if (isKept(answer)) expect(text).toBe(bodyOf('abc'.charAt(index)))
      else expect(answer.status).toBe(410)
    }
  })
})

test('where who asks decides, whatever shows who it is, nothing comes out of the cache', async () => {
  const cookie = 'who=ann'
  const own = await startServer({
    port: 0,
    store: 'memory',
    limits: { readBytes: 1_000, longPollMs: 300 },
    authorize: ({ request }) => (request.headers.get('Cookie') === cookie ? 'allow' : 'deny'),
  })
  onTestFinished(() => own.close())
  const url = await openCache(own.url)
  const asAnn = (target: string, init: RequestInit = {}) =>
    fetch(`${url}${target}`, { ...init, headers: { Cookie: cookie, 'Content-Type': 'text/plain' } })
  const path = `${Path.streams}ann/diary`
  const offsets: string[] = [nextOf(await asAnn(path, { method: 'PUT' }))]
  for (const letter of 'abc') {
    offsets.push(nextOf(await asAnn(path, { method: 'POST', body: bodyOf(letter) })))
  }
  for (const at of offsets) {
    for (const target of [readAt(path, at), pollAt(path, at)]) {
      for (let times = 0; times < 2; times++) {
        const hers = await asAnn(target)
        const theirs = await fetch(`${url}${target}`)
        expect([hers.ok, isKept(hers), theirs.status, isKept(theirs)]).toEqual([true, false, 401, false])
        expect(await theirs.text()).not.toContain('aaa')
        await hers.text()
      }
    }
  }
})

describe('pages of other origins', () => {
  const pages = ['https://a.example', 'https://b.example']
  const permission = async (answer: Response) => {
    expect(await answer.text()).toBe(bodyOf('b'))
    return {
      allowed: answer.headers.get('Access-Control-Allow-Origin'),
      exposed: answer.headers.get('Access-Control-Expose-Headers')?.includes(Header.nextOffset) ?? false,
    }
  }
  const from = (origin: string | undefined): Record<string, string> =>
    origin === undefined ? {} : { Origin: origin }

  test('get each its own permission, never another’s, also out of the cache', async () => {
    const listed = await serve([...args, ...small, ...pages.flatMap(page => ['--origin', page])])
    const url = await openCache(listed.url)
    const [, second = ''] = await threeChunks(`${Path.streams}listed`, 'abc', url)
    const target = `${url}${readAt(`${Path.streams}listed`, second)}`
    const origins = [...pages, undefined, 'https://stranger.example']
    const expected = (origin: string | undefined) => {
      const allowed = origin !== undefined && pages.includes(origin) ? origin : null
      return { allowed, exposed: allowed !== null }
    }
    for (const origin of origins) {
      const answer = await fetch(target, { headers: from(origin) })
      expect([isKept(answer), await permission(answer)]).toEqual([false, expected(origin)])
    }
    for (const origin of origins) {
      expect(await permission(await askKept(target, from(origin)))).toEqual(expected(origin))
    }
  })

  test('share one answer when all of them are allowed, whoever asked first', async () => {
    const open = await serve([...args, ...small, '--origin', '*'])
    const url = await openCache(open.url)
    const [, second = ''] = await threeChunks(`${Path.streams}open`, 'abc', url)
    const target = `${url}${readAt(`${Path.streams}open`, second)}`
    await (await askKept(target)).text()
    for (const origin of [...pages, undefined]) {
      const answer = await fetch(target, { headers: from(origin) })
      expect([isKept(answer), await permission(answer)]).toEqual([true, { allowed: '*', exposed: true }])
    }
  })
})

test('a body as large as the server takes passes, one byte more is refused', async () => {
  const path = newPath()
  await threeChunks(path)
  const post = (bytes: number) =>
    ask(path, {
      method: 'POST',
      headers: { 'Content-Type': 'text/plain' },
      body: new Uint8Array(bytes).fill(97),
    })
  expect((await post(8 << 20)).status).toBe(204)
  expect((await post((8 << 20) + 1)).status).toBe(413)
})
