import { describe, expect, test } from 'vitest'
import { ContentType, ErrorCode, encodeFrames, Header } from '../../protocol/index.ts'
import { openSubscribed, subscription, wakeOf } from '../subscriptions/fixture.ts'
import { typing } from '../yjs/fixture.ts'
import { codeOf, document, openApp, stream } from './fixture.ts'

const hook = 'https://hooks.example.org/a'
const url = (id: string, service = 'svc') => `/v1/yjs/${service}/__ds/subscriptions/${id}`
const fields = (document_pattern: string) => ({
  type: 'webhook',
  events: ['snapshot.available'],
  document_pattern,
  webhook: { url: hook },
})
const index = stream('yjs/svc/docs/d/.index')

/** A server with a document that has a snapshot, and a subscription made before it. */
const woken = async () => {
  const app = await openSubscribed({ compactBytes: 100 })
  expect((await app.json('PUT', url('s'), fields('**'))).status).toBe(201)
  const d = document('d')
  const type = ContentType.binary
  await app.send('PUT', d)
  const write = async (client: number) => {
    const body = encodeFrames(typing(10, 30, client))
    expect((await app.send('POST', d, { type, body })).status).toBe(204)
    await app.compactor.settled()
    await app.world.turn(0)
  }
  await write(1)
  return { ...app, write }
}

describe('A subscription to snapshots', () => {
  test('is called back by its own address, and wakes again for what came meanwhile', async () => {
    const { network, write, json } = await woken()
    const { call } = network.last
    await write(2)
    expect(network.sent).toHaveLength(1)
    const { wake_id, generation, token } = wakeOf(call)
    const target = new URL(call.callback_url).pathname
    expect(target).toContain(encodeURIComponent('yjs:c3Zj:cw'))
    const [told] = call.streams
    const body = {
      wake_id,
      generation,
      acks: [{ stream: told?.path, offset: told?.tail_offset }],
      done: true,
    }
    const done = await json('POST', target, body, token)
    expect([done.status, await done.json()]).toEqual([200, { ok: true, next_wake: true }])
    expect(network.sent).toHaveLength(2)
    expect(network.last.call.generation).toBe(generation + 1)
  })

  test.each([
    ['GET', ''],
    ['DELETE', ''],
    ['PUT', ''],
    ['POST', '/streams'],
    ['POST', '/claim'],
  ])('is not to be had by its delivery id: %s …%s is 400', async (method, rest) => {
    const { send } = await woken()
    const target = `${subscription('yjs:c3Zj:cw')}${rest}`
    const answer = await send(method, target, method === 'GET' ? {} : { body: '{}', type: ContentType.json })
    expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
    expect((await send('GET', url('s'))).status).toBe(200)
  })

  test('of a service is counted by its service, apart from those above all services', async () => {
    const { json } = await openSubscribed({ limits: { subscriptionsPerService: 1 } })
    const base = { type: 'webhook', pattern: 'a', webhook: { url: hook } }
    expect((await json('PUT', url('a', 'one'), fields('**'))).status).toBe(201)
    expect((await json('PUT', url('a', 'two'), fields('**'))).status).toBe(201)
    expect((await json('PUT', subscription('a'), base)).status).toBe(201)
    for (const [target, body] of [
      [url('b', 'one'), fields('**')],
      [subscription('b'), base],
    ] as const) {
      const answer = await json('PUT', target, body)
      expect([answer.status, await codeOf(answer)]).toEqual([409, ErrorCode.subscriptionLimit])
    }
  })

  test('goes where any webhook may, and nowhere else', async () => {
    const { json } = await openSubscribed()
    const answer = await json('PUT', url('s'), { ...fields('**'), webhook: { url: 'http://10.0.0.1/' } })
    expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.webhookUrlRejected])
  })

  test.each(['PUT', 'GET', 'HEAD', 'DELETE'])(
    'is not there without configuration: %s is 404',
    async method => {
      const { send } = openApp()
      expect((await send(method, url('s'), method === 'PUT' ? { body: '{}' } : {})).status).toBe(404)
    },
  )

  test('has no other methods and nothing below it', async () => {
    const { send } = await openSubscribed()
    const answer = await send('POST', url('s'), { body: '{}' })
    expect([answer.status, answer.headers.get('Allow')]).toEqual([405, 'GET, HEAD, PUT, DELETE, OPTIONS'])
    for (const target of [url('s/callback'), '/v1/yjs/svc/__ds', '/v1/yjs/svc/__ds/jwks.json']) {
      expect((await send('GET', target)).status).toBe(404)
    }
    expect((await send('GET', url('a b'))).status).toBe(400)
    expect((await send('GET', url('s', 'x'.repeat(129)))).status).toBe(400)
  })
})

describe('The index of a document', () => {
  test('is read like any stream', async () => {
    const { send } = await woken()
    const answer = await send('GET', index)
    expect([answer.status, await answer.json()]).toEqual([
      200,
      [{ snapshot: expect.stringMatching(/^\d{16}_\d{16}_snapshot$/) }],
    ])
    expect((await send('HEAD', index)).status).toBe(200)
  })

  test.each(['PUT', 'POST', 'DELETE'])('is nobody’s to change: %s is 403', async method => {
    const { send } = await woken()
    for (const target of [index, '/v1//stream/yjs/svc/docs/d/%2eindex', stream('yjs/other/docs/.index')]) {
      const raw = { raw: target, ...(method !== 'DELETE' && { body: '{}' }), type: ContentType.json }
      const answer = await send(method, target, raw)
      expect([answer.status, await codeOf(answer)]).toEqual([403, ErrorCode.forbidden])
    }
    expect(await (await send('GET', index)).json()).toHaveLength(1)
  })

  test('is no source of forks and takes no wake events', async () => {
    const { send, json } = await woken()
    const fork = await send('PUT', stream('fork'), { headers: { [Header.forkedFrom]: index } })
    expect([fork.status, await codeOf(fork)]).toEqual([403, ErrorCode.forbidden])
    const wakes = { type: 'pull-wake', pattern: 'a', wake_stream: 'yjs/svc/docs/d/.index' }
    const answer = await json('PUT', subscription('p'), wakes)
    expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
  })

  test('is heard of by its own service and above all services, not by one that has the name of the place', async () => {
    const { json } = await openSubscribed()
    const base = { type: 'webhook', pattern: '**', webhook: { url: hook } }
    expect((await json('PUT', subscription('a', 'yjs'), base)).status).toBe(404)
    expect((await json('PUT', subscription('a'), base)).status).toBe(201)
  })
})

describe('Access', () => {
  test.each(['PUT', 'GET', 'DELETE'])(
    '%s of a subscription asks to subscribe in its service',
    async method => {
      const asked: unknown[] = []
      const { send } = await openSubscribed({
        authorize: ({ action, service, document, stream, subscription }) => {
          asked.push({ action, service, document, stream, subscription })
          return { verdict: 'deny', caller: 'ann' }
        },
      })
      const answer = await send(
        method,
        url('s'),
        method === 'PUT' ? { body: JSON.stringify(fields('**')) } : {},
      )
      expect([answer.status, await codeOf(answer)]).toEqual([403, ErrorCode.forbidden])
      expect(asked).toEqual([{ action: 'subscribe', service: 'svc', subscription: 's' }])
    },
  )

  test('reading an index is reading its document', async () => {
    const asked: unknown[] = []
    const { send } = openApp({
      authorize: ({ action, service, document, stream }) => {
        asked.push({ action, service, document, stream })
        return 'deny'
      },
    })
    expect((await send('GET', stream('yjs/svc/docs/notes/a/.index'))).status).toBe(401)
    expect(asked).toEqual([{ action: 'read', service: 'svc', document: 'notes/a' }])
  })
})
