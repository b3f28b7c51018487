import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ContentType, isJson, isTextual, mediaType } from '../../protocol/index.ts'
import { seed } from '../seeded.ts'
import { check } from './property.ts'

describe('media types', () => {
  test.each([
    ['application/json', 'application/json'],
    ['Application/JSON', 'application/json'],
    ['application/json; charset=utf-8', 'application/json'],
    ['  text/plain ;a=b;c=d', 'text/plain'],
    ['text/plain;', 'text/plain'],
    ['', ''],
    [';charset=utf-8', ''],
  ])('the media type of %j is %j', (given, type) => {
    expect(mediaType(given)).toBe(type)
  })

  test.each([
    ['application/json', true, true],
    ['APPLICATION/JSON;charset=utf-8', true, true],
    ['application/jsonl', false, false],
    ['application/ld+json', false, false],
    ['text/json', false, true],
    ['text/plain; charset=utf-8', false, true],
    ['TEXT/HTML', false, true],
    ['texts/plain', false, false],
    ['text', false, false],
    ['application/octet-stream', false, false],
    ['image/png; note="text/plain"', false, false],
    ['', false, false],
  ])('%j is JSON: %s, is text in events: %s', (given, json, textual) => {
    expect(isJson(given)).toBe(json)
    expect(isTextual(given)).toBe(textual)
  })

  test(`case, surrounding space and parameters never change a media type (seed ${seed})`, () => {
    const type = fc.constantFrom(...Object.values(ContentType), 'text/markdown')
    const space = fc.constantFrom('', ' ', '\t')
    const parameters = fc.string().map(text => (text === '' ? '' : `;${text}`))
    check(
      fc.property(type, space, space, parameters, fc.boolean(), (plain, before, after, rest, upper) => {
        const given = `${before}${upper ? plain.toUpperCase() : plain}${after}${rest}`
        expect(mediaType(given)).toBe(plain)
        expect(isJson(given)).toBe(isJson(plain))
        expect(isTextual(given)).toBe(isTextual(plain))
      }),
      300,
    )
  })
})
