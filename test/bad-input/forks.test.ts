import { expect, test } from 'vitest'
import { ContentType, ErrorCode, Header, Path, Sentinel } from '../../protocol/index.ts'
import { stream } from '../http/fixture.ts'
import { header, useArena, verdictOf } from './arena.ts'

const arena = useArena()
const text = { type: 'text/plain' }
const invalid = [400, ErrorCode.invalidRequest]

/** A stream of two appends, and the offsets before, between and after them. */
const sourced = async () => {
  const here = arena()
  const target = await here.stream()
  const offsetOf = async (asked: Promise<Parameters<typeof header>[0]>) =>
    header(await asked, Header.nextOffset) ?? ''
  const start = await offsetOf(here.ask('HEAD', target))
  const middle = await offsetOf(here.ask('POST', target, { ...text, body: 'aa' }))
  const tail = await offsetOf(here.ask('POST', target, { ...text, body: 'bbb' }))
  return { target, start, middle, tail }
}

const forkOf = (source: string, offset?: string, subOffset?: string) => ({
  [Header.forkedFrom]: source,
  ...(offset !== undefined && { [Header.forkOffset]: offset }),
  ...(subOffset !== undefined && { [Header.forkSubOffset]: subOffset }),
})

/** A creation that must be refused, and must leave neither a stream nor a hold on the source. */
const refusedFork = async (source: string, headers: Record<string, string>, type?: string) => {
  const here = arena()
  const fork = stream(here.fresh())
  const answer = await here.untouched(source, () =>
    here.ask('PUT', fork, { headers, ...(type !== undefined && { type }) }),
  )
  expect((await here.ask('HEAD', fork)).status).toBe(404)
  return verdictOf(answer)
}

test('[row 47] a fork of what is not there is 404', async () => {
  const here = arena()
  const { target } = await sourced()
  const log = await here.document()
  for (const source of [stream(here.fresh()), log, '/healthz', Path.streams, stream('__ds/subscriptions')]) {
    const [status] = await refusedFork(target, forkOf(source))
    expect(status).toBe(404)
  }
})

test('[row 47] a fork at what is no offset of its source, or of a source that can be none, is 400', async () => {
  const { target, middle, tail } = await sourced()
  for (const offset of [
    tail.replace(/.$/, '9'),
    middle.replace(/.$/, '1'),
    'abc',
    '',
    Sentinel.snapshot,
    tail.replace(/^\d+/, '9'.repeat(16)),
  ]) {
    expect(await refusedFork(target, forkOf(target, offset))).toEqual(invalid)
  }
  for (const source of [
    target.slice(1),
    `http://elsewhere${target}`,
    `${target}?offset=-1`,
    `${Path.streams}x/..${target}`,
    `${Path.streams}%2e%2e/s`,
    `${Path.streams}a%2fb`,
    `${Path.streams}%zz`,
    '',
  ]) {
    expect(await refusedFork(target, forkOf(source))).toEqual(invalid)
  }
  await arena().ask('DELETE', target)
  expect((await arena().ask('HEAD', target)).status).toBe(404)
})

test.each(['-1', 'abc', '1.5', '05', '+1', '', '1e0', '0x1', '9007199254740992'])(
  '[row 48] a sub-offset of %j is 400',
  async subOffset => {
    const { target, start } = await sourced()
    expect(await refusedFork(target, forkOf(target, start, subOffset))).toEqual(invalid)
  },
)

test('[row 48] a sub-offset of more than its append, or on an empty source, is 400', async () => {
  const here = arena()
  const { target, start, middle, tail } = await sourced()
  for (const [offset, subOffset] of [
    [start, '3'],
    [middle, '4'],
    [tail, '1'],
  ] as const) {
    expect(await refusedFork(target, forkOf(target, offset, subOffset))).toEqual(invalid)
  }
  const empty = await here.stream()
  const zero = header(await here.ask('HEAD', empty), Header.nextOffset) ?? ''
  expect(await refusedFork(empty, forkOf(empty, zero, '1'))).toEqual(invalid)
})

test('[row 49] a sub-offset without a source, or above 0 without an offset, is 400', async () => {
  const { target } = await sourced()
  for (const headers of [
    { [Header.forkSubOffset]: '0' },
    { [Header.forkSubOffset]: '1' },
    { [Header.forkOffset]: '0' },
    forkOf(target, undefined, '1'),
  ]) {
    expect(await refusedFork(target, headers)).toEqual(invalid)
  }
})

test('[row 50] a fork of another content type, of a deleted source, or where something else is, is 409', async () => {
  const here = arena()
  const { target, middle, tail } = await sourced()
  expect(await refusedFork(target, forkOf(target), ContentType.json)).toEqual([
    409,
    ErrorCode.contentTypeMismatch,
  ])
  const other = await here.stream('other')
  const onto = await here.untouched(other, () => here.ask('PUT', other, { headers: forkOf(target) }))
  expect(verdictOf(onto)).toEqual([409, ErrorCode.configMismatch])
  const fork = stream(here.fresh())
  expect((await here.ask('PUT', fork, { headers: forkOf(target, middle) })).status).toBe(201)
  expect((await here.ask('PUT', fork, { headers: forkOf(target, middle) })).status).toBe(200)
  expect(verdictOf(await here.ask('PUT', fork, { headers: forkOf(target, tail) }))).toEqual([
    409,
    ErrorCode.configMismatch,
  ])
  await here.ask('DELETE', target)
  expect(await refusedFork(fork, forkOf(target))).toEqual([409, ErrorCode.streamDeleted])
})

test('[row 51] a deleted stream that a fork holds is 410, its path 409, and what the fork has stays', async () => {
  const here = arena()
  const { target, middle, tail } = await sourced()
  const fork = stream(here.fresh())
  await here.ask('PUT', fork, { headers: forkOf(target, middle) })
  await here.untouched(fork, async () => {
    expect((await here.ask('DELETE', target)).status).toBe(204)
    for (const [method, asked] of [
      ['GET', {}],
      ['POST', { ...text, body: 'x' }],
      ['DELETE', {}],
    ] as const) {
      expect(verdictOf(await here.ask(method, target, asked))).toEqual([410, ErrorCode.streamDeleted])
    }
    expect((await here.ask('HEAD', target)).status).toBe(410)
    expect((await here.ask('GET', `${target}?offset=${tail}&live=sse`)).status).toBe(410)
    expect(verdictOf(await here.ask('PUT', target, text))).toEqual([409, ErrorCode.streamDeleted])
  })
  expect((await here.ask('GET', fork)).text).toBe('aa')
  await here.ask('DELETE', fork)
  expect((await here.ask('PUT', target, text)).status).toBe(201)
})
