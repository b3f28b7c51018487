import { afterAll, beforeAll, expect, test } from 'vitest'
import { ContentType, ErrorCode, SubscriptionStatus } from '../../protocol/index.ts'
import { stream } from '../http/fixture.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { action, type Claimed, pullFields, subscription, webhookFields } from '../subscriptions/fixture.ts'
import { openReceiver } from '../subscriptions/receiver.ts'
import { type Answer, type Arena, header, open, verdictOf } from './arena.ts'

let here: Arena
let close: () => Promise<void>
const json = { type: ContentType.json }
const invalid = [400, ErrorCode.invalidRequest]

beforeAll(async () => {
  const opened = await open({ subscriptions: {} })
  here = opened.arena
  close = opened.close
})
afterAll(() => close())

const put = (on: Arena, id: string, fields: object): Promise<Answer> =>
  on.ask('PUT', subscription(id), { ...json, body: JSON.stringify(fields) })

const lacking = { ...pullFields, pattern: undefined }

test.each<[string, object]>([
  ['neither pattern nor streams', lacking],
  ['an empty list of streams', { ...lacking, streams: [] }],
  ['streams that are no list', { ...lacking, streams: 'a' }],
  ['a stream with a dot segment', { ...lacking, streams: ['a/../b'] }],
  ['a reserved stream', { ...lacking, streams: ['__ds/a'] }],
  ['a lease of 999 ms', { ...pullFields, lease_ttl_ms: 999 }],
  ['a lease of 600001 ms', { ...pullFields, lease_ttl_ms: 600_001 }],
  ['a lease as a text', { ...pullFields, lease_ttl_ms: '30000' }],
  ['a lease of a fraction', { ...pullFields, lease_ttl_ms: 1_000.5 }],
  ['no type', { ...pullFields, type: undefined }],
  ['a type nobody knows', { ...pullFields, type: 'pigeon' }],
])('[row 53] a subscription with %s is 400', async (_, fields) => {
  const id = here.fresh()
  expect(verdictOf(await put(here, id, fields))).toEqual(invalid)
  expect((await here.ask('GET', subscription(id))).status).toBe(404)
})

test.each(['{', '[]', '1', 'null', '"x"', '\xff'])(
  '[row 53] a subscription of the body %j is 400',
  async body => {
    const id = here.fresh()
    const asked = { ...json, body: Buffer.from(body, 'latin1') }
    expect(verdictOf(await here.ask('PUT', subscription(id), asked))).toEqual(invalid)
  },
)

test.each([
  'http://hooks.example.org/',
  'https://10.0.0.1/',
  'https://169.254.169.254/latest/meta-data',
  'https://[::1]/',
  'https://[::ffff:10.0.0.1]/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0177.0.0.1/',
  'https://user:pw@hooks.example.org/',
  'https://localhost/',
  'file:///etc/passwd',
  'gopher://127.0.0.1/',
  'not a URL',
])('[row 54] the webhook URL %s is rejected', async url => {
  const id = here.fresh()
  const answer = await put(here, id, { ...webhookFields, webhook: { url } })
  expect(verdictOf(answer)).toEqual([400, ErrorCode.webhookUrlRejected])
  expect((await here.ask('GET', subscription(id))).status).toBe(404)
})

const statusOf = async (on: Arena, id: string): Promise<string> =>
  (JSON.parse((await on.ask('GET', subscription(id))).text) as { status: string }).status
const patience = { timeout: 20_000, interval: 20 }
const append = (on: Arena, path: string) => on.ask('PUT', stream(path), { ...json, body: '[1]' })

test('[row 55] a webhook’s host that may not be reached any more gets nothing, and it counts as failed', async () => {
  const data = await temporaryDirectory()
  const receiver = await openReceiver(response => response.end('{"done":true}'))
  const url = `http://localhost:${receiver.port}/`
  const before = await open({ data, subscriptions: { webhookAllow: ['localhost'] } })
  expect((await put(before.arena, 's', { ...webhookFields, webhook: { url } })).status).toBe(201)
  await append(before.arena, 'events/a')
  await expect.poll(() => receiver.received.length, patience).toBe(1)
  await before.close()
  const { arena, close } = await open({ data, subscriptions: {} })
  await append(arena, 'events/b')
  await expect.poll(() => statusOf(arena, 's'), patience).toBe(SubscriptionStatus.failed)
  expect(receiver.received.length).toBe(1)
  await close()
})

test('[row 55] a redirect is not followed and counts as failed', async () => {
  const inner = await openReceiver()
  const outer = await openReceiver(response => {
    response.writeHead(307, { Location: `http://127.0.0.1:${inner.port}/` }).end()
  })
  const { arena, close } = await open({ subscriptions: { webhookAllow: ['localhost'] } })
  const url = `http://localhost:${outer.port}/`
  await put(arena, 's', { ...webhookFields, webhook: { url } })
  await append(arena, 'events/a')
  await expect.poll(() => statusOf(arena, 's'), patience).toBe(SubscriptionStatus.failed)
  expect([outer.received.length > 0, inner.received.length]).toEqual([true, 0])
  await close()
})

const act = (
  id: string,
  name: Parameters<typeof action>[1],
  fields: object,
  authorization?: string,
  query = '',
): Promise<Answer> =>
  here.ask('POST', `${action(id, name)}${query}`, {
    ...json,
    body: JSON.stringify(fields),
    ...(authorization !== undefined && { headers: { Authorization: authorization } }),
  })

/** A subscription whose wake the worker `one` holds. */
const claimed = async (): Promise<Claimed & { readonly id: string }> => {
  const id = here.fresh()
  await here.ask('PUT', stream('wake/pool'), json)
  expect((await put(here, id, { ...pullFields, pattern: `${id}/*` })).status).toBe(201)
  await append(here, `${id}/a`)
  for (;;) {
    const answer = await act(id, 'claim', { worker: 'one' })
    if (answer.status === 200) return { id, ...(JSON.parse(answer.text) as Claimed) }
    expect(verdictOf(answer)).toEqual([409, ErrorCode.noPendingWork])
  }
}

test('[row 56] an ack or release of another generation or wake is 409 FENCED', async () => {
  const { id, wake_id, generation, token } = await claimed()
  for (const name of ['ack', 'release'] as const) {
    for (const stale of [
      { wake_id, generation: generation - 1 },
      { wake_id, generation: generation + 1 },
      { wake_id: 'another', generation },
    ]) {
      const answer = await act(id, name, stale, `Bearer ${token}`)
      expect(verdictOf(answer)).toEqual([409, ErrorCode.fenced])
    }
  }
  expect((await act(id, 'release', { wake_id, generation }, `Bearer ${token}`)).status).toBe(204)
  expect(verdictOf(await act(id, 'ack', { wake_id, generation }, `Bearer ${token}`))).toEqual([
    409,
    ErrorCode.fenced,
  ])
})

test('[row 57] a wake’s token that is missing, wrong, or in the query is 401', async () => {
  const { id, wake_id, generation, token } = await claimed()
  const other = await claimed()
  for (const name of ['ack', 'release'] as const) {
    for (const [authorization, query] of [
      [undefined, ''],
      [undefined, `?token=${token}&access_token=${token}`],
      ['', ''],
      ['Bearer', ''],
      ['Bearer nonsense', ''],
      [`Basic ${token}`, ''],
      [token, ''],
      [`Bearer ${token}x`, ''],
      [`Bearer ${other.token}`, ''],
    ] as const) {
      const answer = await act(id, name, { wake_id, generation }, authorization, query)
      expect(verdictOf(answer)).toEqual([401, ErrorCode.tokenInvalid])
      expect(header(answer, 'WWW-Authenticate')).toMatch(/^Bearer/)
    }
  }
  expect((await act(id, 'release', { wake_id, generation }, `Bearer ${token}`)).status).toBe(204)
})

test('[row 58] a claim while another worker holds the lease is 409, with who and which generation', async () => {
  const { id, generation } = await claimed()
  const answer = await act(id, 'claim', { worker: 'two' })
  expect(verdictOf(answer)).toEqual([409, ErrorCode.alreadyClaimed])
  expect(JSON.parse(answer.text)).toMatchObject({ error: { current_holder: 'one', generation } })
})

test('[row 52] the reserved segment is never a stream, with subscriptions either', async () => {
  for (const name of ['__ds', '__ds/x', 'a/__ds/x', 'a/b/__ds/subscriptions/s']) {
    for (const method of ['PUT', 'GET', 'POST', 'DELETE']) {
      const answer = await here.ask(method, stream(name), method === 'GET' ? {} : { ...json, body: '{}' })
      expect(answer.status).toBe(404)
    }
  }
})
