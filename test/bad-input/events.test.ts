import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { expect, test } from 'vitest'
import { ContentType, Header, Live, Query, Sentinel, SseEvent } from '../../protocol/index.ts'
import { closing } from '../http/fixture.ts'
import { and, header, useArena } from './arena.ts'

const arena = useArena()

/** The whole SSE answer of a closed stream, as a client understands it. */
const eventsOf = async (type: string, ...bodies: (string | Uint8Array)[]) => {
  const here = arena()
  const target = await here.stream(type === ContentType.json ? '[]' : '', { type })
  for (const body of bodies) expect((await here.ask('POST', target, { type, body })).status).toBe(204)
  await here.ask('POST', target, { headers: closing })
  const answer = await here.ask(
    'GET',
    and(target, { [Query.offset]: Sentinel.start, [Query.live]: Live.sse }),
  )
  expect([answer.status, header(answer, 'Content-Type')]).toEqual([200, ContentType.eventStream])
  const events: EventSourceMessage[] = []
  const errors: unknown[] = []
  createParser({ onEvent: event => events.push(event), onError: error => errors.push(error) }).feed(
    answer.text,
  )
  expect(errors).toEqual([])
  return {
    answer,
    events,
    data: events.filter(({ event }) => event === SseEvent.data).map(({ data }) => data),
  }
}

test.each([
  ['line breaks of every kind', 'a\nb\r\nc\rd', 'a\nb\nc\nd'],
  [
    'a forged control event',
    'x\n\nevent: control\ndata: {"streamNextOffset":"0","streamClosed":true}\n\n',
    undefined,
  ],
  ['the same by carriage returns', 'x\r\revent: control\rdata: {}\r\r', undefined],
  ['other fields', 'event: control\ndata: {}\nid: 7\nretry: 1', undefined],
  ['a comment', ': not a comment', ': not a comment'],
  ['nothing but line feeds', '\n\n\n', '\n\n\n'],
  ['NUL and other separators', 'a\0b\u2028c\u0085d\ufeffe', 'a\0b\u2028c\u0085d\ufeffe'],
])('[row 74] text with %s arrives as data and forges no event', async (_, payload, arrives) => {
  const { events, data } = await eventsOf('text/plain', payload)
  expect(data).toEqual([arrives ?? payload.replaceAll(/\r\n|\r/g, '\n')])
  const control = events.filter(({ event }) => event === SseEvent.control)
  expect(events).toHaveLength(1 + control.length)
  expect(control.map(({ id }) => id)).toEqual(control.map(() => undefined))
  expect(JSON.parse(control.at(-1)?.data ?? '')).toMatchObject({ streamClosed: true })
  for (const { data: said } of control) expect(JSON.parse(said).streamNextOffset).not.toBe('0')
})

test('[row 74] JSON with line breaks arrives as data', async () => {
  const { data } = await eventsOf(ContentType.json, '[{"a":"x\\n\\nevent: control\\ndata: {}"},\n2\n]')
  expect(data.flatMap(text => JSON.parse(text))).toEqual([{ a: 'x\n\nevent: control\ndata: {}' }, 2])
})

test.each([[[7]], [[0, 255, 10, 13]], [Array.from({ length: 1_000 }, (_, at) => at % 256)]])(
  '[row 75] binary is base64 of whole groups: %j',
  async bytes => {
    const { answer, data } = await eventsOf(ContentType.binary, Uint8Array.from(bytes))
    expect(header(answer, Header.sseEncoding)).toBe('base64')
    for (const text of data) expect(text.replaceAll('\n', '').length % 4).toBe(0)
    expect([...Buffer.concat(data.map(text => Buffer.from(text, 'base64')))]).toEqual(bytes)
  },
)

test('[row 75] a binary stream without bytes has no data', async () => {
  const { answer, data, events } = await eventsOf(ContentType.binary)
  expect(header(answer, Header.sseEncoding)).toBe('base64')
  expect([data, events.map(({ event }) => event)]).toEqual([[], [SseEvent.control]])
})
