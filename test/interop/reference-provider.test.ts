import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Live } from '../../protocol/index.ts'
import {
  introduce,
  ourParty,
  type ReferenceParty,
  referenceParty,
  removeDocument,
  seenBy,
  snapshotAt,
  textOf,
  type,
  until,
} from './parties.ts'
import { ours, type Restartable } from './servers.ts'

describe.each(['memory', 'lmdb'] as const)('The reference provider and this server over %s', store => {
  let server: Restartable
  beforeAll(async () => {
    server = await ours(store)
  })
  afterAll(() => server.close())

  const two = async (name: string): Promise<readonly [ReferenceParty, ReferenceParty]> => {
    const both = [referenceParty(server.url, name), referenceParty(server.url, name)] as const
    await until(() => expect(both.map(({ provider }) => provider.synced)).toEqual([true, true]))
    return both
  }

  test.each([Live.sse, Live.longPoll])(
    '[interop: reference provider, our server/sync] what either types arrives at the other, by %s, and at a joiner',
    async live => {
      const name = `sync-${live}`
      const a = referenceParty(server.url, name, live)
      const b = referenceParty(server.url, name, live)
      await until(() => expect([a, b].map(({ provider }) => provider.synced)).toEqual([true, true]))
      type(a, 'one ')
      await until(() => expect(textOf(b)).toBe('one '))
      type(b, 'two ')
      await until(() => expect(textOf(a)).toBe('one two '))
      a.doc.getText('text').delete(0, 4)
      b.doc.getMap('map').set('key', { nested: ['é', 1, null] })
      const joiner = referenceParty(server.url, name, live)
      await until(() => {
        for (const party of [a, b, joiner]) {
          expect(textOf(party)).toBe('two ')
          expect(party.doc.getMap('map').toJSON()).toEqual({ key: { nested: ['é', 1, null] } })
        }
      })
      for (const { errors } of [a, b, joiner]) expect(errors).toEqual([])
    },
  )

  test('[interop: reference provider, our server/presence] each sees the other come, change and go', async () => {
    const [a, b] = await two('presence')
    introduce(a, 'ada')
    introduce(b, 'bob')
    await until(() => {
      for (const party of [a, b]) expect(seenBy(party)).toEqual(['ada', 'bob'])
    })
    introduce(b, 'bert')
    await until(() => expect(seenBy(a)).toEqual(['ada', 'bert']))
    await b.provider.disconnect()
    await until(() => expect(seenBy(a)).toEqual(['ada']))
  })

  test('[interop: reference provider, our server/compaction] a joiner starts from the snapshot, and those under whom it was made go on', async () => {
    const [a, b] = await two('compaction')
    const before = await snapshotAt(server.url, 'compaction')
    expect(before).toBeUndefined()
    for (let round = 0; round < 30; round++) {
      type(a, `a${round},`)
      type(b, `b${round},`)
    }
    await until(async () => expect(await snapshotAt(server.url, 'compaction')).toBeDefined())
    type(a, 'past the snapshot')
    await until(() => expect(textOf(b)).toBe(textOf(a)))
    const joiner = referenceParty(server.url, 'compaction')
    await until(() => expect(textOf(joiner)).toBe(textOf(a)))
    expect(textOf(joiner)).toContain('past the snapshot')
    type(joiner, '!')
    await until(() => expect([textOf(a), textOf(b)]).toEqual([textOf(joiner), textOf(joiner)]))
  })

  test('[interop: reference provider, our server/deletion] everybody is told, what they have stays theirs, and it is no part of a new document', async () => {
    const [a, b] = await two('deletion')
    type(a, 'old')
    await until(() => expect(textOf(b)).toBe('old'))
    await removeDocument(server.url, 'deletion')
    await until(() => {
      for (const { errors, provider } of [a, b]) {
        expect(provider.connected).toBe(false)
        expect(errors[0]).toMatchObject({ status: 404 })
      }
    })
    type(a, ', typed later')
    const next = referenceParty(server.url, 'deletion')
    await until(() => expect(next.provider.synced).toBe(true))
    expect(textOf(next)).toBe('')
    type(next, 'new')
    const joiner = ourParty(server.url, 'deletion')
    await until(() => expect(textOf(joiner)).toBe('new'))
    expect([textOf(a), textOf(b)]).toEqual(['old, typed later', 'old'])
  })

  test('one that leaves does not close the document behind it, and comes back to it', async () => {
    const [a, b] = await two('leaving')
    type(b, 'one ')
    await until(() => expect(textOf(a)).toBe('one '))
    await b.provider.disconnect()
    type(a, 'two ')
    await b.provider.connect()
    await until(() => expect(textOf(b)).toBe('one two '))
    expect(a.errors).toEqual([])
  })

  if (store === 'lmdb') {
    test('[interop: reference provider, our server/restart] those who only read meanwhile go on, both ways', async () => {
      const [a, b] = await two('restart')
      introduce(a, 'ada')
      type(a, 'before ')
      await until(() => expect(textOf(b)).toBe('before '))
      await server.stop()
      await server.start()
      const third = ourParty(server.url, 'restart')
      await until(() => expect(textOf(third)).toBe('before '))
      type(third, 'meanwhile ')
      await until(() => expect([textOf(a), textOf(b)]).toEqual(['before meanwhile ', 'before meanwhile ']))
      type(b, 'after ')
      await until(() => expect(textOf(a)).toBe('before meanwhile after '))
      type(a, 'again ')
      await until(() => expect(textOf(b)).toBe('before meanwhile after again '))
      await until(() => {
        introduce(b, 'bob')
        expect(seenBy(a)).toContain('bob')
      })
      expect([...a.errors, ...b.errors]).toEqual([])
    })

    test('what it typed while the server was away it never sends itself, and nothing that builds on it is taken', async () => {
      const [a, b] = await two('away')
      type(a, 'before ')
      await until(() => expect(textOf(b)).toBe('before '))
      await server.stop()
      type(a, 'away ')
      await until(() => expect(a.provider.connected).toBe(false)) // it gives up, and does not try again
      await server.start()
      await a.provider.connect()
      type(a, 'swallowed ') // under the producer number of the first edit of its first connection
      await a.provider.flush()
      type(a, 'refused ')
      await until(() => expect(a.errors.length).toBeGreaterThan(1))
      const joiner = ourParty(server.url, 'away')
      await joiner.provider.whenSynced()
      type(joiner, 'meanwhile ')
      await until(() => expect(textOf(a)).toContain('meanwhile '))
      expect(textOf(joiner)).toBe('before meanwhile ')
      // It is all in its document: this provider, on the same one, brings it.
      const rescue = ourParty(server.url, 'away', { doc: a.doc })
      await rescue.provider.whenSaved()
      await until(() => expect(textOf(joiner)).toBe(textOf(a)))
      for (const word of ['before', 'away', 'swallowed', 'meanwhile', 'refused'])
        expect(textOf(joiner)).toContain(word)
    })
  }
})
