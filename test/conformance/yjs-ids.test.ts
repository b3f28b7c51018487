import { expect, test } from 'vitest'
import { sources } from '../layout/sources.ts'
import { listed, listedBefore } from './yjs/ids.ts'

const folder = 'test/conformance/yjs/'
const bracketed = /^\[([a-z-]+\.[a-z0-9-]+)\] /

test('every test that the Yjs protocol lists is here once, by its name, and no other', () => {
  const named = sources()
    .filter(({ path }) => path.startsWith(folder))
    .flatMap(({ texts }) => texts.map(({ value }) => bracketed.exec(value)?.[1] ?? ''))
    .filter(id => id !== '')
  const ids = Object.values(listed).flat()
  expect(named.toSorted()).toEqual([...ids, ...listedBefore].toSorted())
  process.stdout.write(
    `yjs protocol: all ${ids.length} listed tests, ${listedBefore.length} of an earlier list\n`,
  )
})
