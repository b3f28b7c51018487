import { afterEach, expect, test } from 'vitest'
import * as Y from 'yjs'
import { Endings, opened, readBack, served, until } from './truth-world.ts'

const over = new Endings()
afterEach(() => over.run())

/** A document whose app has a fault, which was there before the provider was. */
const faulty = () => {
  const doc = new Y.Doc()
  let isBroken = true
  doc.on('update', (_update, origin) => {
    if (isBroken && origin === 'typed') throw new Error('a fault of the app')
  })
  return {
    doc,
    type: (text: string) => doc.transact(() => doc.getText('text').insert(0, text), 'typed'),
    mend: () => {
      isBroken = false
    },
  }
}

test('An edit of which Yjs tells nobody, for a listener of the app threw, is unsaved until it is saved', async () => {
  const server = await served(over)
  const { doc, type } = faulty()
  const ada = opened(over, server, { doc })
  await ada.provider.whenSynced()
  expect(() => type('one ')).toThrow('a fault of the app')
  await Promise.resolve()
  expect([ada.provider.saved, ada.provider.unsaved?.why]).toEqual([false, 'sending'])
  await ada.provider.whenSaved()
  expect((await readBack(over, server)).getText('text').toString()).toBe('one ')
})

test('and so is whatever is typed after it, of which nobody hears either', async () => {
  const server = await served(over)
  const { doc, type, mend } = faulty()
  const ada = opened(over, server, { doc })
  await ada.provider.whenSynced()
  expect(() => type('one ')).toThrow('a fault of the app')
  mend()
  for (const word of ['two ', 'three ', 'four ']) {
    type(word)
    await until(ada, () => !ada.provider.saved)
    await ada.provider.whenSaved()
  }
  expect((await readBack(over, server)).getText('text').toString()).toBe('four three two one ')
  expect(ada.posts().every(({ bytes }) => bytes < 60)).toBe(true)
})
