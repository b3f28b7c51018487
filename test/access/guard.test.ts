import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { Guard } from '../../server/access/guard.ts'
import type { Authorize } from '../../server/access/question.ts'
import { FakeWorld, settled } from '../streams/world.ts'
import { question } from './question.ts'

const opened = (authorize: Authorize) => {
  const world = new FakeWorld()
  const logged: string[] = []
  const logger = pino({ level: 'debug' }, { write: line => void logged.push(line) })
  const guard = new Guard({ authorize, limits: { authorizeMs: 1_000 }, world, logger })
  return { guard, world, logged }
}
const failed = { kind: 'failed' }

describe('The guard', () => {
  test('takes a yes for a yes, for as long as it holds', async () => {
    const { guard, world } = opened(() => 'allow')
    const expiresAt = Number.POSITIVE_INFINITY
    expect(await guard.ask(question())).toEqual({ kind: 'allowed', caller: undefined, expiresAt })
    const until = opened(async () => ({ verdict: 'allow', caller: 'ada', expiresAt: world.now() + 1 }))
    const ruling = { kind: 'allowed', caller: 'ada', expiresAt: world.now() + 1 }
    expect(await until.guard.ask(question())).toEqual(ruling)
    until.world.time++
    expect(await until.guard.ask(question())).toMatchObject({ kind: 'unknown' })
    expect(until.world.timers).toBe(0)
  })

  test('asks for credentials where nobody is known, and refuses who is', async () => {
    const { guard } = opened(() => 'deny')
    expect(await guard.ask(question())).toMatchObject({ kind: 'unknown', hadCredentials: false })
    const tried = await guard.ask(question({ authorization: 'Bearer x' }))
    expect(tried).toMatchObject({ kind: 'unknown', hadCredentials: true })
    const known = opened(() => ({ verdict: 'deny', caller: 'ada', reason: 'because' }))
    expect(await known.guard.ask(question())).toEqual({
      kind: 'forbidden',
      readOnly: false,
      caller: 'ada',
      reason: 'because',
    })
  })

  test('lets a reader read and nothing else', async () => {
    const { guard } = opened(() => 'read-only')
    expect(await guard.ask(question({ action: 'read' }))).toMatchObject({ kind: 'allowed' })
    for (const action of ['create', 'write', 'presence', 'delete', 'subscribe'] as const) {
      expect(await guard.ask(question({ action }))).toMatchObject({ kind: 'forbidden', readOnly: true })
    }
  })

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['true', true],
    ['an empty object', {}],
    ['another word', 'yes'],
    ['Allow', 'Allow'],
    ['a word of every object', 'constructor'],
    ['a list', ['allow']],
    ['a verdict that is none', { verdict: true }],
    ['a caller that is none', { verdict: 'allow', caller: 7 }],
    ['a time that is none', { verdict: 'allow', expiresAt: '2030-01-01' }],
    ['a time that is no number', { verdict: 'allow', expiresAt: Number.NaN }],
    ['a reason that is none', { verdict: 'allow', reason: {} }],
  ])('takes %s for no answer', async (_, answer) => {
    const { guard, logged } = opened((() => answer) as unknown as Authorize)
    expect(await guard.ask(question())).toEqual(failed)
    expect(logged.join()).toContain('authorize answered')
  })

  test('takes a failure for no answer, thrown or rejected, of whatever kind', async () => {
    for (const broken of [
      () => {
        throw new Error('broken')
      },
      () => Promise.reject(new Error('broken')),
      () => Promise.reject('broken'),
      () => Promise.reject(undefined),
    ]) {
      const { guard, logged } = opened(broken)
      expect(await guard.ask(question())).toEqual(failed)
      expect(logged).toHaveLength(1)
    }
  })

  test('waits no longer than it may, and lets go', async () => {
    let signal: AbortSignal | undefined
    let answer: (verdict: 'allow') => void = () => undefined
    const { guard, world } = opened(asked => {
      signal = asked.signal
      return new Promise(resolve => {
        answer = resolve
      })
    })
    let ruling: unknown
    void guard.ask(question()).then(given => {
      ruling = given
    })
    await world.turn(999)
    expect([ruling, signal?.aborted]).toEqual([undefined, false])
    await world.turn(1)
    expect([ruling, signal?.aborted]).toEqual([failed, true])
    answer('allow')
    await settled()
    expect(ruling).toEqual(failed)
    expect(world.timers).toBe(0)
  })

  test('writes no credentials down, also those that a failure quotes', async () => {
    const token = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl'
    const { guard, logged } = opened(({ request }) => {
      const cookie = request.headers.get('Cookie')
      throw new Error(`cannot make sense of ${request.headers.get('Authorization')} and ${cookie}`)
    })
    const headers = new Headers({ Authorization: `Bearer ${token}`, Cookie: 'session=0123456789abcdef; x=y' })
    await guard.ask(question({ request: { method: 'GET', url: '/', headers } }))
    expect(logged.join()).toContain('cannot make sense of Bearer [redacted]')
    expect(logged.join()).not.toMatch(/eyJ|c2lnbmF0|0123456789/)
  })
})
