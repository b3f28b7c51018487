import { expect, test } from 'vitest'
import { decideAppend } from '../../server/rules/append.ts'
import { type Basis, holdToBasis } from '../../server/rules/basis.ts'
import { streamState } from './states.ts'

const stream = streamState({ tail: 100 })
const held = (basis: Partial<Basis>, body = new Uint8Array([1])) => {
  const command = { body, contentType: stream.config.contentType, close: false }
  const decision = decideAppend(stream, undefined, command, 0)
  return holdToBasis(decision, stream, { generation: 7, position: 100, sound: true, ...basis }).outcome.kind
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

test('what writes nothing keeps its own answer', () => {
  expect(held({ sound: false, generation: 1 }, new Uint8Array())).toBe('emptyBody')
})
