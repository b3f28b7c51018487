import { describe, expect, test } from 'vitest'
import { Claims } from '../../server/yjs/claims.ts'
import { settled } from '../streams/world.ts'

/** Work on a document, named by the clients that it claims: which has begun, and how to end it. */
const opened = () => {
  const claims = new Claims()
  const begun: string[] = []
  const ends = new Map<string, (end: string | Error) => void>()
  const start = async (name: string, key = 'd'): Promise<void> => {
    const over = claims.hold(key, new Set([...name].map(Number)), () => {
      begun.push(name)
      return new Promise<string>((resolve, reject) =>
        ends.set(name, end => (end instanceof Error ? reject(end) : resolve(end))),
      )
    })
    over.catch(() => undefined)
    await settled()
  }
  const end = async (name: string, how: string | Error = 'done'): Promise<void> => {
    ends.get(name)?.(how)
    await settled()
  }
  return { claims, begun, start, end }
}

describe('Work on a document', () => {
  test('waits for any other that has one of its clients, and for no other', async () => {
    const { begun, start, end } = opened()
    for (const name of ['12', '3', '23', '4', '', '1']) await start(name)
    expect(begun).toEqual(['12', '3', '4', ''])
    await end('3')
    expect(begun).toHaveLength(4)
    await end('12')
    expect(begun.slice(4).toSorted()).toEqual(['1', '23'])
    await start('2')
    expect(begun).toHaveLength(6)
    await end('23')
    expect(begun.at(-1)).toBe('2')
  })

  test('waits for none on another document', async () => {
    const { begun, start } = opened()
    await start('1')
    await start('1', 'e')
    expect(begun).toEqual(['1', '1'])
  })

  test('that fails or claims nobody lets the next go on, and is answered as it ended', async () => {
    const { claims, begun, start, end } = opened()
    await start('')
    await start('12')
    await start('2')
    await end('')
    expect(begun).toEqual(['', '12'])
    await end('12', new Error('it would not'))
    expect(begun).toEqual(['', '12', '2'])
    await end('2')
    await expect(claims.hold('d', new Set([2]), async () => 'done')).resolves.toBe('done')
    await expect(
      claims.hold('d', new Set([2]), () => Promise.reject(new Error('it would not'))),
    ).rejects.toThrow('it would not')
    await expect(claims.hold('d', new Set([2]), async () => 'done')).resolves.toBe('done')
  })
})
