import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ContentType } from '../../protocol/index.ts'
import { firstOf, toBody, toMessages } from '../../server/rules/messages.ts'
import { text, utf8 } from './states.ts'

const json = ContentType.json

const recordOf = (body: Uint8Array, contentType: string = json): Uint8Array => {
  const messages = toMessages(contentType, body)
  if (messages.kind !== 'record') throw new Error(`a record was expected, not ${messages.kind}`)
  return messages.bytes
}

test('[M1] bytes that are not JSON are stored and answered as they are, also when they are not text', () => {
  const bytes = new Uint8Array([0, 255, 10, 13, 91, 93])
  expect(recordOf(bytes, ContentType.binary)).toEqual(bytes)
  expect(toBody(ContentType.binary, [bytes, utf8('x')])).toEqual(new Uint8Array([...bytes, 120]))
  expect(toBody('text/plain', [])).toEqual(new Uint8Array())
  expect(toMessages('text/plain', new Uint8Array())).toEqual({ kind: 'none' })
})

test.each([
  ['{"event":"created"}', '[{"event":"created"}]'],
  ['[{"event":"a"},{"event":"b"}]', '[{"event":"a"},{"event":"b"}]'],
  ['[[1,2],[3,4]]', '[[1,2],[3,4]]'],
  ['[[[1,2,3]]]', '[[[1,2,3]]]'],
  ['[[]]', '[[]]'],
  ['"[not an array]"', '["[not an array]"]'],
  ['null', '[null]'],
  ['0', '[0]'],
])('[M2] of %s one level of array is taken off: a reader gets %s', (body, answer) => {
  expect(text(toBody(json, [recordOf(utf8(body))]))).toBe(answer)
})

test('[M2] parameters and case of the content type change nothing', () => {
  expect(text(recordOf(utf8('[1]'), 'Application/JSON; charset=utf-8'))).toBe('1')
})

test.each([
  [
    'a number beyond a double',
    '[12345678901234567890123, 1e400, 1.10]',
    '12345678901234567890123, 1e400, 1.10',
  ],
  ['duplicate keys', '{"a":1,"a":2}', '{"a":1,"a":2}'],
  ['white space inside', '[ {"a" : 1}\n,\t2 ]', '{"a" : 1}\n,\t2'],
  ['escapes', '["\\u0041\\/"]', '"\\u0041\\/"'],
  ['half a surrogate pair as an escape', '"\\ud800"', '"\\ud800"'],
  ['characters beyond ASCII', '["é😀\u2028"]', '"é😀\u2028"'],
  ['white space around', '\r\n\t [1] \n', '1'],
  ['brackets in text', '["]","["]', '"]","["'],
])('[M3] the text is kept as it came: %s', (_what, body, record) => {
  expect(text(recordOf(utf8(body)))).toBe(record)
})

test('[M3] a byte order mark is no part of the text', () => {
  expect([...recordOf(new Uint8Array([0xef, 0xbb, 0xbf, 0x31]))]).toEqual([0x31])
})

test.each([
  ['{', 'half an object'],
  ['{} {}', 'two values'],
  ['[1,]', 'a comma too many'],
  [' ', 'nothing but white space'],
  ['\u00a0{}', 'white space that JSON does not know, in front'],
  ['[1]\u2003', 'white space that JSON does not know, behind'],
  ['[1]\ufeff', 'a byte order mark behind'],
  ["{'a':1}", 'single quotes'],
  ['undefined', 'a word of JavaScript'],
  ['[1],[2]', 'what would only be JSON between brackets'],
  ['1],[2', 'what would only be JSON between brackets, inside out'],
])('[M4] %j is not JSON: %s', body => {
  expect(toMessages(json, utf8(body))).toMatchObject({ kind: 'invalid', reason: expect.any(String) })
})

test.each([
  ['a stray byte', [0x22, 0xff, 0x22]],
  ['an overlong form', [0x22, 0xc0, 0xaf, 0x22]],
  ['half a surrogate pair', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ['a character cut short', [0x22, 0xe2, 0x82]],
  ['UTF-16', [0xff, 0xfe, 0x31, 0x00]],
])('[M4] what is not UTF-8 is not JSON: %s', (_what, bytes) => {
  expect(toMessages(json, new Uint8Array(bytes))).toMatchObject({ kind: 'invalid' })
})

test('[M4] a value nested a million deep is answered, not fallen over', () => {
  const deep = utf8('['.repeat(1_000_000) + ']'.repeat(1_000_000))
  expect(['record', 'invalid']).toContain(toMessages(json, deep).kind)
})

test('[M5] an empty array adds nothing, and no messages are an empty array', () => {
  expect(toMessages(json, utf8('[]'))).toEqual({ kind: 'none' })
  expect(toMessages(json, utf8(' [ \n] '))).toEqual({ kind: 'none' })
  expect(text(toBody(json, []))).toBe('[]')
})

test('[M6] any values, posted alone or in arrays with any white space, are read back as one array of them all', () => {
  const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)
  const posted = fc.tuple(fc.jsonValue(), space, space, fc.constantFrom(0, 1, 2))
  fc.assert(
    fc.property(fc.array(posted, { maxLength: 8 }), posts => {
      const records: Uint8Array[] = []
      const expected: unknown[] = []
      for (const [value, before, after, indent] of posts) {
        const messages = toMessages(json, utf8(before + JSON.stringify(value, null, indent) + after))
        if (messages.kind === 'record') records.push(messages.bytes)
        else expect(value).toEqual([])
        expected.push(...(Array.isArray(value) ? value : [value]).map(one => JSON.parse(JSON.stringify(one))))
      }
      expect(JSON.parse(text(toBody(json, records)))).toEqual(expected)
    }),
  )
})

test('[M6] any bytes posted as JSON are either refused or read back as JSON', () => {
  const pieces = fc.array(fc.constantFrom('[', ']', ',', '1', '"', '{', '}', ':', ' ', '\u00a0', '\\', 'é'), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 3 }), bodies => {
      const records = bodies
        .map(body => toMessages(json, utf8(body.join(''))))
        .flatMap(messages => (messages.kind === 'record' ? [messages.bytes] : []))
      expect(Array.isArray(JSON.parse(text(toBody(json, records))))).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

test.each([
  [1, 'a'],
  [3, 'abc'],
  [4, undefined],
])('[M7] of three bytes the first %i are %j', (count, first) => {
  const found = firstOf(ContentType.binary, utf8('abc'), count)
  expect(found && text(found)).toBe(first)
})

test.each([
  ['1', 1, '1'],
  ['1', 2, undefined],
  ['1,2', 1, '1'],
  ['1, 2 ,3', 2, '1, 2 '],
  ['[1,2],3', 1, '[1,2]'],
  ['{"a":[1,{"b":2}],"c":3},4', 1, '{"a":[1,{"b":2}],"c":3}'],
  ['"a,b","c"', 1, '"a,b"'],
  ['"\\",","]","c"', 1, '"\\","'],
  ['"a\\\\","b"', 1, '"a\\\\"'],
  ['"é,😀",2', 1, '"é,😀"'],
  ['1e400,{"a":1,"a":2}', 2, '1e400,{"a":1,"a":2}'],
])('[M7] of %s the first %i messages are %j', (record, count, first) => {
  const found = firstOf(json, utf8(record), count)
  expect(found && text(found)).toBe(first)
})

test('[M7] the first messages of any JSON are those a parser sees, and there is no one more', () => {
  const space = fc.stringMatching(/^[ \n\t]{0,2}$/)
  const messages = fc.array(fc.tuple(fc.jsonValue(), space, space), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(messages, fc.constantFrom(0, 1), (posted, indent) => {
      const parts = posted.map(
        ([value, before, after]) => before + JSON.stringify(value, null, indent) + after,
      )
      const stored = toMessages(json, utf8(`[${parts.join(',')}]`))
      if (stored.kind !== 'record') throw new Error('it was not stored')
      const all = JSON.parse(text(toBody(json, [stored.bytes]))) as unknown[]
      for (let count = 1; count <= posted.length; count++) {
        const first = firstOf(json, stored.bytes, count)
        expect(first && JSON.parse(text(toBody(json, [first])))).toEqual(all.slice(0, count))
      }
      expect(firstOf(json, stored.bytes, posted.length + 1)).toBeUndefined()
    }),
  )
})
