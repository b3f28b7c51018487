import { expect, test } from 'vitest'
import { decideAppend } from '../../server/rules/append.ts'
import { type Basis, holdToBasis } from '../../server/rules/basis.ts'
import { streamState } from './states.ts'

const stream = streamState({ tail: 100 })
const held = (basis: Partial<Basis>, body = new Uint8Array([1]), alone = stream.tail) => {
  const command = { body, contentType: stream.config.contentType, close: false }
  const decision = decideAppend(stream, undefined, command, 0)
  const judged: Basis = { generation: 7, position: 100, sound: true, exact: false, ...basis }
  return holdToBasis(decision, stream, judged, alone).outcome.kind
}

test.each([0, 50, 100])('[B1] what was judged sound at position %i is appended', position => {
  expect(held({ position })).toBe('appended')
})

test.each([6, 8])('[B2] what was judged on generation %i is to be judged anew, sound or not', generation => {
  expect(held({ generation })).toBe('moved')
  expect(held({ generation, sound: false })).toBe('moved')
})

test('[B3] what was judged unsound at the tail is refused', () => {
  expect(held({ sound: false })).toBe('unsound')
})

test('[B4] what was judged unsound before the stream grew is to be judged anew', () => {
  expect(held({ sound: false, position: 99 })).toBe('moved')
})

test.each([40, 50, 100])(
  '[B5] what is exact at position %i is appended after bytes of its own server',
  position => {
    expect(held({ position, exact: true }, undefined, 40)).toBe('appended')
  },
)

test.each([0, 39])(
  '[B6] what is exact at position %i is judged anew after bytes of others up to 40',
  position => {
    expect(held({ position, exact: true }, undefined, 40)).toBe('moved')
  },
)

test('[B6] what is to be judged anew is told the stream that it met', () => {
  const command = { body: new Uint8Array([1]), contentType: stream.config.contentType, close: false }
  const judged: Basis = { generation: 7, position: 99, sound: true, exact: true }
  expect(holdToBasis(decideAppend(stream, undefined, command, 0), stream, judged, 100).outcome).toEqual({
    kind: 'moved',
    state: stream,
  })
})

test('what writes nothing keeps its own answer', () => {
  expect(held({ sound: false, generation: 1 }, new Uint8Array())).toBe('emptyBody')
  expect(held({ exact: true, position: 0 }, new Uint8Array())).toBe('emptyBody')
})
