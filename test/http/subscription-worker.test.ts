import { describe, expect, test } from 'vitest'
import { formatOffset, Sentinel } from '../../protocol/index.ts'
import {
  ackOf,
  action,
  openSubscribed,
  pullFields,
  subscription,
  wakeOf,
  webhookFields,
} from '../subscriptions/fixture.ts'
import { codeOf } from './fixture.ts'

const path = 'events/a'

/** Both kinds with one wake in flight: `s` by webhook, `p` claimed by a worker. */
const openBoth = async () => {
  const app = await openSubscribed()
  await app.createWakeStream()
  await app.subscribe('s', webhookFields)
  await app.subscribe('p', pullFields)
  const tail = await app.append(path)
  return { app, tail, called: wakeOf(app.network.last.call), claimed: await app.claimed('p') }
}

describe('[row 57] a token', () => {
  test.each([
    ['missing', {}],
    ['of another scheme', { Authorization: 'Basic dTpw' }],
    ['empty', { Authorization: 'Bearer ' }],
    ['made up', { Authorization: 'Bearer abc.def' }],
    ['of two', { Authorization: 'Bearer abc, Bearer def' }],
  ])('%s is 401, for callback, ack and release', async (_, headers) => {
    const { app, called, claimed } = await openBoth()
    for (const [id, name, wake] of [
      ['s', 'callback', called],
      ['p', 'ack', claimed],
      ['p', 'release', claimed],
    ] as const) {
      const body = JSON.stringify({ wake_id: wake.wake_id, generation: wake.generation })
      const answer = await app.send('POST', action(id, name), { body, headers })
      expect([answer.status, await codeOf(answer)]).toEqual([401, 'TOKEN_INVALID'])
      expect(answer.headers.get('WWW-Authenticate')).toBe('Bearer')
    }
  })

  test('in the query is 401, though it is right', async () => {
    const { app, called } = await openBoth()
    const { wake_id, generation, token } = called
    for (const key of ['token', 'access_token', 'callback_token']) {
      const answer = await app.json('POST', `${action('s', 'callback')}?${key}=${token}`, {
        wake_id,
        generation,
      })
      expect(answer.status).toBe(401)
    }
    const inBody = await app.json('POST', action('s', 'callback'), { wake_id, generation, token })
    expect(inBody.status).toBe(401)
  })

  test('of another subscription is 401', async () => {
    const { app, called, claimed } = await openBoth()
    expect((await app.ack('p', { ...claimed, token: called.token })).status).toBe(401)
    expect((await app.callback('s', { ...called, token: claimed.token })).status).toBe(401)
  })

  test('of an earlier subscription of that name is 401', async () => {
    const { app, called } = await openBoth()
    await app.send('DELETE', subscription('s'))
    expect(await codeOf(await app.callback('s', called))).toBe('SUBSCRIPTION_NOT_FOUND')
    await app.subscribe('s', webhookFields)
    expect((await app.callback('s', called)).status).toBe(401)
  })

  test('that was altered is 401', async () => {
    const { app, claimed } = await openBoth()
    const [claims = '', mac = ''] = claimed.token.split('.')
    const later = JSON.parse(Buffer.from(claims, 'base64url').toString()) as number[]
    later[1] = 2
    const forged = `${Buffer.from(JSON.stringify(later)).toString('base64url')}.${mac}`
    expect((await app.ack('p', { ...claimed, token: forged })).status).toBe(401)
  })

  test('is worth a day, while its lease is kept', async () => {
    const { app } = await openBoth()
    await app.subscribe('long', { ...pullFields, lease_ttl_ms: 600_000 })
    await app.append(path)
    const claimed = await app.claimed('long')
    for (let passed = 0; passed < 24 * 3_600_000; passed += 480_000) {
      expect((await app.ack('long', claimed)).status).toBe(200)
      app.world.time += 480_000
    }
    expect(await codeOf(await app.ack('long', claimed))).toBe('TOKEN_EXPIRED')
  })
})

describe('[row 56] a request', () => {
  test.each([
    ['of another wake', { wake_id: 'w_other' }],
    ['of an earlier generation', { generation: 0 }],
    ['of a later generation', { generation: 2 }],
  ])('%s is 409 FENCED, and changes nothing', async (_, changes) => {
    const { app, tail, called, claimed } = await openBoth()
    const fields = { acks: [ackOf(path, tail)], done: true }
    for (const answer of [
      await app.callback('s', { ...called, ...changes }, fields),
      await app.ack('p', { ...claimed, ...changes }, fields),
      await app.release('p', { ...claimed, ...changes }),
    ]) {
      expect([answer.status, await codeOf(answer)]).toEqual([409, 'FENCED'])
    }
    expect(await app.acked('s')).toEqual({ [path]: Sentinel.start })
    expect(await app.acked('p')).toEqual({ [path]: Sentinel.start })
    expect((await app.ack('p', claimed, fields)).status).toBe(200)
    expect((await app.callback('s', called, fields)).status).toBe(200)
  })

  test('for a wake that is finished, released or over is 409 FENCED', async () => {
    const { app, tail, called, claimed } = await openBoth()
    expect((await app.release('p', claimed)).status).toBe(204)
    expect(await codeOf(await app.release('p', claimed))).toBe('FENCED')
    expect(await codeOf(await app.ack('p', claimed))).toBe('FENCED')
    const fields = { acks: [ackOf(path, tail)], done: true }
    expect(await (await app.callback('s', called, fields)).json()).toEqual({ ok: true, next_wake: false })
    expect(await codeOf(await app.callback('s', called, fields))).toBe('FENCED')
    const again = await app.claimed('p')
    await app.world.turn(30_000)
    expect(await codeOf(await app.ack('p', again))).toBe('FENCED')
  })
})

test('[row 58] a claim while another worker holds the lease is 409 with holder and generation', async () => {
  const { app } = await openBoth()
  const answer = await app.claim('p', 'two')
  expect(answer.status).toBe(409)
  expect(await answer.json()).toEqual({
    error: {
      code: 'ALREADY_CLAIMED',
      message: expect.any(String),
      current_holder: 'one',
      generation: 1,
    },
  })
  await app.world.turn(30_000)
  expect((await app.claimed('p', 'two')).generation).toBe(2)
})

describe('A worker', () => {
  test('of the other kind of subscription is refused', async () => {
    const { app, called, claimed } = await openBoth()
    expect((await app.claim('s')).status).toBe(400)
    expect((await app.ack('s', called)).status).toBe(400)
    expect((await app.release('s', called)).status).toBe(400)
    expect((await app.callback('p', claimed)).status).toBe(400)
  })

  test.each([
    [undefined, 400],
    ['', 400],
    [7, 400],
    ['x'.repeat(255), 409],
    ['x'.repeat(256), 409],
    ['x'.repeat(257), 400],
  ])('named %j gets %i', async (worker, status) => {
    const { app } = await openBoth()
    expect((await app.json('POST', action('p', 'claim'), { worker })).status).toBe(status)
  })

  test.each([
    ['no wake', { wake_id: undefined }],
    ['no generation', { generation: undefined }],
    ['a generation as text', { generation: '1' }],
    ['acks that are no list', { acks: {} }],
    ['an ack that is none', { acks: [null] }],
    ['an ack without offset', { acks: [{ stream: path }] }],
    ['an ack without stream', { acks: [{ offset: '1' }] }],
    ['"done" as text', { done: 'true' }],
  ])('that sends %s gets 400', async (_, fields) => {
    const { app, claimed } = await openBoth()
    const answer = await app.ack('p', claimed, fields)
    expect([answer.status, await codeOf(answer)]).toEqual([400, 'INVALID_REQUEST'])
  })

  test('that acknowledges what is no place of the stream is told, and nothing is acknowledged', async () => {
    const { app, tail, claimed } = await openBoth()
    const beyond = tail.replace(/\d$/, '9')
    for (const [acks, status] of [
      [[ackOf('other', tail)], 409],
      [[ackOf(path, Sentinel.start)], 409],
      [[ackOf(path, beyond)], 409],
      [[ackOf(path, formatOffset({ generation: 1, position: 1 }))], 409],
      [[ackOf(path, 'nonsense')], 400],
      [[ackOf(path, tail), ackOf(path, beyond)], 409],
    ] as const) {
      const answer = await app.ack('p', claimed, { acks, done: true })
      expect([answer.status, await codeOf(answer)]).toEqual([status, 'INVALID_OFFSET'])
    }
    expect(await app.acked('p')).toEqual({ [path]: Sentinel.start })
  })

  test('may name the stream as `path`, as older ones do', async () => {
    const { app, tail, claimed } = await openBoth()
    await app.ack('p', claimed, { acks: [{ path: `/${path}`, offset: tail }] })
    expect(await app.acked('p')).toEqual({ [path]: tail })
  })
})
