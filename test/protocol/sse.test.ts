import { createParser, type EventSourceMessage } from 'eventsource-parser'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type ControlEvent,
  controlEvent,
  dataEvent,
  formatOffset,
  heartbeat,
  parseControl,
} from '../../protocol/index.ts'
import { seed } from '../seeded.ts'
import { check } from './property.ts'
import { vectors } from './vectors.ts'

interface Vectors {
  readonly data: { readonly name: string; readonly payload: string; readonly text: string }[]
  readonly control: { readonly name: string; readonly control: ControlEvent; readonly text: string }[]
  readonly reference: {
    readonly name: string
    readonly text: string
    readonly data: string[]
    readonly control: ControlEvent
  }[]
  readonly notControl: string[]
}
const { data, control, reference, notControl } = vectors<Vectors>('sse')

/** What a client sees of a stream that arrives in the given pieces. */
const read = (...pieces: string[]): EventSourceMessage[] => {
  const events: EventSourceMessage[] = []
  const parser = createParser({
    onEvent: event => events.push(event),
    onError: error => {
      throw error
    },
  })
  for (const piece of pieces) parser.feed(piece)
  return events
}

const event = (name: string, text: string) => ({ id: undefined, event: name, data: text })

/** A payload as an event stream can carry it: its line breaks all alike. */
const unbroken = (payload: string): string => payload.replaceAll(/\r\n|\r/g, '\n')

describe('server-sent events', () => {
  test.each(data)('a payload has these bytes as an event: $name', ({ payload, text }) => {
    expect(dataEvent(payload)).toBe(text)
    expect(read(text)).toEqual([event('data', unbroken(payload))])
  })

  test.each(control)('a control event has these bytes: $name', ({ control: words, text }) => {
    expect(controlEvent(words)).toBe(text)
    const [only, ...rest] = read(text)
    expect(rest).toEqual([])
    expect(only?.event).toBe('control')
    expect(parseControl(only?.data ?? '')).toEqual({
      nextOffset: words.nextOffset,
      cursor: words.closed ? undefined : words.cursor,
      upToDate: words.upToDate === true || words.closed === true,
      closed: words.closed === true,
    })
  })

  test.each(reference)('what the reference server sends is understood: $name', ({ text, ...expected }) => {
    const events = read(text)
    const last = events.pop()
    expect(events).toEqual(expected.data.map(payload => event('data', payload)))
    expect(last?.event).toBe('control')
    expect(parseControl(last?.data ?? '')).toEqual({ cursor: undefined, ...expected.control })
  })

  test.each(notControl)('a payload that is no control event is refused: %j', payload => {
    expect(() => parseControl(payload)).toThrow()
  })

  test('a heartbeat is no event and does not disturb its neighbours', () => {
    expect(read(heartbeat)).toEqual([])
    expect(read(heartbeat, dataEvent('a'), heartbeat, dataEvent('b'), heartbeat)).toEqual([
      event('data', 'a'),
      event('data', 'b'),
    ])
  })

  const piece = fc.oneof(
    fc.constantFrom('\r', '\n', '\r\n', '\n\r', '\n\n', '\r\r', '\r\n\r\n', ':', ' ', '\0', '\uFEFF'),
    fc.constantFrom('event: control', 'event:control', 'data: {}', 'data', 'id: 1', 'retry: 1', ': comment'),
    fc.string({ unit: 'grapheme', maxLength: 5 }),
  )
  const payload = fc.array(piece, { maxLength: 10 }).map(pieces => pieces.join(''))

  test(`no payload forges, splits or loses an event, however the stream is cut (seed ${seed})`, () => {
    check(
      fc.property(fc.array(payload, { minLength: 1, maxLength: 3 }), fc.nat(), (payloads, place) => {
        const end = controlEvent({ nextOffset: formatOffset({ generation: 1, position: 2 }), upToDate: true })
        const text = `${payloads.map(dataEvent).join(heartbeat)}${end}`
        const cut = place % (text.length + 1)
        const events = read(text.slice(0, cut), text.slice(cut))
        expect(events.pop()?.event).toBe('control')
        expect(events).toEqual(payloads.map(each => event('data', unbroken(each))))
      }),
      2_000,
    )
  })

  test(`a control event is one event and comes back, whatever its cursor (seed ${seed})`, () => {
    const words = fc.record({ cursor: fc.option(payload, { nil: undefined }), upToDate: fc.boolean() })
    check(
      fc.property(words, fc.maxSafeNat(), (given, position) => {
        const sent = { ...given, nextOffset: formatOffset({ generation: 3, position }) }
        const [only, ...rest] = read(controlEvent(sent))
        expect(rest).toEqual([])
        expect(parseControl(only?.data ?? '')).toEqual({ ...sent, closed: false })
      }),
      500,
    )
  })
})
