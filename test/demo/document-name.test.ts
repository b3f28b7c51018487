import { describe, expect, test } from 'vitest'
import {
  documentNameOf,
  freshDocumentName,
  pathOfDocument,
  titleOf,
  unusedDocumentName,
} from '../../demo/document-name.ts'

describe('a document name', () => {
  test.each([
    ['/welcome', 'welcome'],
    ['/caf%C3%A9', 'café'],
    ['/Meeting%20notes_2-b', 'Meeting notes_2-b'],
    [`/${'a'.repeat(80)}`, 'a'.repeat(80)],
  ])('of the page %s is %s', (path, name) => {
    expect(documentNameOf(path)).toBe(name)
  })

  test.each([
    '/',
    '/favicon.svg',
    '/a/b',
    '/a%2Fb',
    '/..',
    '/%2e%2e',
    '/-a',
    '/a-',
    '/%E0%A4%A',
    '/a%00b',
    `/${'a'.repeat(81)}`,
  ])('is not in the path %s', path => {
    expect(documentNameOf(path)).toBeUndefined()
  })

  test('comes back from the path it was put in', () => {
    for (const name of ['welcome', 'Größe 2', '日本']) expect(documentNameOf(pathOfDocument(name))).toBe(name)
  })

  test('that is fresh is readable and valid, whatever chance says', () => {
    for (const chance of [0, 0.5, 0.999_999]) {
      const name = freshDocumentName(() => chance)
      expect(name).toMatch(/^[a-z]+-[a-z]+-[a-z]+$/)
      expect(documentNameOf(`/${name}`)).toBe(name)
    }
  })

  test('that nobody else has is a fresh one with five more letters', () => {
    for (const chance of [0, 0.5, 0.999_999]) {
      const name = unusedDocumentName(() => chance)
      expect(name).toMatch(/^[a-z]+-[a-z]+-[a-z]+-[0-9a-z]{5}$/)
      expect(name.startsWith(freshDocumentName(() => chance))).toBe(true)
      expect(documentNameOf(`/${name}`)).toBe(name)
    }
  })

  test('has a title for people', () => {
    expect(titleOf('quiet-river-stone')).toBe('Quiet river stone')
  })
})
