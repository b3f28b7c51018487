import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { ErrorCode, Live } from '../../protocol/index.ts'
import { ProviderCode } from '../../provider/error.ts'
import {
  documentUrl,
  introduce,
  ourParty,
  referenceParty,
  removeDocument,
  seenBy,
  snapshotAt,
  textOf,
  type,
  until,
} from './parties.ts'
import { type Published, published } from './servers.ts'

const exists = async (server: Published, name: string): Promise<boolean> =>
  (await fetch(documentUrl(server.url, name), { method: 'HEAD' })).ok

describe('Our provider and the published Yjs server', () => {
  let server: Published
  beforeAll(async () => {
    server = await published()
  })
  afterAll(() => server.close())

  test.each([Live.sse, Live.longPoll])(
    '[interop: our provider, reference server/sync] what either types arrives at the other, by %s, and at a joiner',
    async live => {
      const name = `sync-${live}`
      const doc = new Y.Doc()
      doc.getText('text').insert(0, 'there before ')
      const a = ourParty(server.url, name, { doc, live })
      const b = ourParty(server.url, name, { live })
      await until(() => expect(textOf(b)).toBe('there before '))
      type(b, 'two ')
      await until(() => expect(textOf(a)).toBe('there before two '))
      a.doc.getText('text').delete(0, 6)
      const joiner = ourParty(server.url, name, { live })
      await until(() => {
        for (const party of [b, joiner]) expect(textOf(party)).toBe('before two ')
      })
      for (const { errors } of [a, b, joiner]) expect(errors).toEqual([])
    },
  )

  test('what was typed while disconnected is sent once when it connects again', async () => {
    const a = ourParty(server.url, 'offline')
    const b = ourParty(server.url, 'offline')
    type(a, 'one ')
    await until(() => expect(textOf(b)).toBe('one '))
    a.provider.disconnect()
    type(a, 'two ')
    type(b, 'three ')
    await b.provider.whenSaved()
    a.provider.connect()
    await a.provider.whenSynced()
    await until(() => expect(textOf(b)).toBe(textOf(a)))
    expect(textOf(a).split(' ').toSorted()).toEqual(['', 'one', 'three', 'two'])
  })

  test('[interop: our provider, reference server/presence] a joiner sees those who are there, and they see it come, change and go', async () => {
    const a = ourParty(server.url, 'presence')
    const b = ourParty(server.url, 'presence')
    introduce(a, 'ada')
    introduce(b, 'bob')
    await until(() => {
      for (const party of [a, b]) expect(seenBy(party)).toEqual(['ada', 'bob'])
    })
    const since = Date.now()
    const joiner = ourParty(server.url, 'presence')
    introduce(joiner, 'cleo')
    await until(() => {
      for (const party of [a, b, joiner]) expect(seenBy(party)).toEqual(['ada', 'bob', 'cleo'])
    })
    expect(Date.now() - since).toBeLessThan(10_000) // the next heartbeat of those present may be 15 s away
    introduce(joiner, 'cloe')
    await until(() => expect(seenBy(a)).toEqual(['ada', 'bob', 'cloe']))
    joiner.provider.disconnect()
    await until(() =>
      expect([seenBy(a), seenBy(b)]).toEqual([
        ['ada', 'bob'],
        ['ada', 'bob'],
      ]),
    )
    joiner.provider.connect()
    await until(() => {
      for (const party of [a, b, joiner]) expect(seenBy(party)).toEqual(['ada', 'bob', 'cloe'])
    })
  })

  test('presence is possible where there is no stream for it any more', async () => {
    const a = ourParty(server.url, 'no-presence', { connect: false })
    await fetch(documentUrl(server.url, 'no-presence'), { method: 'PUT' })
    const { status } = await fetch(`${documentUrl(server.url, 'no-presence')}?awareness=default`, {
      method: 'DELETE',
    })
    expect(status).toBe(204)
    const b = ourParty(server.url, 'no-presence')
    introduce(a, 'ada')
    introduce(b, 'bob')
    a.provider.connect()
    await until(() => {
      for (const party of [a, b]) expect(seenBy(party)).toEqual(['ada', 'bob'])
    })
  })

  test('in a room with the published provider, both are seen and both are read', async () => {
    const our = ourParty(server.url, 'mixed')
    const their = referenceParty(server.url, 'mixed')
    await until(() => expect([our.provider.synced, their.provider.synced]).toEqual([true, true]))
    type(our, 'our ')
    await until(() => expect(textOf(their)).toBe('our '))
    type(their, 'their ')
    await until(() => expect(textOf(our)).toBe('our their '))
    introduce(our, 'our')
    introduce(their, 'their')
    await until(() => {
      for (const party of [our, their]) expect(seenBy(party)).toEqual(['our', 'their'])
    })
  })

  test('[interop: our provider, reference server/compaction] a joiner starts from their snapshot, and those under whom it was made go on', async () => {
    const a = ourParty(server.url, 'compaction')
    const b = ourParty(server.url, 'compaction')
    for (let round = 0; round < 20; round++) {
      type(a, `a number of words, ${round} `)
      await a.provider.whenSaved()
      type(b, `and as many, ${round} `)
      await b.provider.whenSaved()
    }
    await until(async () => expect(await snapshotAt(server.url, 'compaction')).toBeDefined())
    const joiner = ourParty(server.url, 'compaction')
    await joiner.provider.whenSynced()
    // It is told to go on one past the end of the log, where no reader ever was.
    for (const party of [joiner, a, b]) {
      type(party, '!')
      await party.provider.whenSaved()
    }
    await until(() => {
      for (const party of [a, b]) expect(textOf(party)).toBe(textOf(joiner))
    })
    expect(textOf(joiner).match(/!/g)).toHaveLength(3)
    joiner.provider.disconnect()
    type(a, '?')
    await a.provider.whenSaved()
    joiner.provider.connect()
    await until(() => expect(textOf(joiner)).toBe(textOf(a)))
    for (const { errors } of [a, b, joiner]) expect(errors).toEqual([])
  })

  test('[interop: our provider, reference server/deletion] who edits is told, who polls is told, and nobody brings it back', async () => {
    const editing = ourParty(server.url, 'deletion')
    const polling = ourParty(server.url, 'deletion', { live: Live.longPoll })
    type(editing, 'text')
    await until(() => expect(textOf(polling)).toBe('text'))
    await removeDocument(server.url, 'deletion')
    type(editing, ' and more')
    await until(() => {
      for (const { errors, provider } of [editing, polling]) {
        expect(errors.at(-1)).toMatchObject({ code: ProviderCode.documentDeleted, fatal: true })
        expect(provider.status).toBe('disconnected')
      }
    })
    expect(editing.provider).toMatchObject({ saved: false, unsaved: { updates: 1 } })
    expect([textOf(editing), textOf(polling)]).toEqual(['text and more', 'text'])
    expect(await exists(server, 'deletion')).toBe(false)
  })

  test('what a document of that name says later is not merged into an earlier one, which the server cannot tell', async () => {
    const reading = ourParty(server.url, 'reset')
    const editing = ourParty(server.url, 'reset')
    type(editing, 'the first life')
    await until(() => expect(textOf(reading)).toBe('the first life'))
    reading.provider.disconnect()
    await removeDocument(server.url, 'reset')
    const next = ourParty(server.url, 'reset')
    type(next, '2nd')
    await next.provider.whenSaved()
    reading.provider.connect()
    await until(() =>
      expect(reading.errors.at(-1)).toMatchObject({ code: ProviderCode.documentReset, fatal: true }),
    )
    type(next, ', and long enough to reach past all that was ever read')
    await next.provider.whenSaved()
    type(editing, ', continued')
    await until(() =>
      expect(editing.errors.at(-1)).toMatchObject({ code: ProviderCode.documentReset, fatal: true }),
    )
    expect(textOf(reading)).toBe('the first life')
    expect(textOf(editing)).toBe('the first life, continued')
    expect(textOf(next)).toBe('2nd, and long enough to reach past all that was ever read')
    expect(editing.provider.saved).toBe(false)
  })
})

describe('Our provider and a published Yjs server that restarts', () => {
  const restarting = async (store: 'memory' | 'file', work: (server: Published) => Promise<void>) => {
    const server = await published(store)
    try {
      await work(server)
    } finally {
      await server.close()
    }
  }

  test('[interop: our provider, reference server/restart] over its files, what was typed meanwhile arrives', () =>
    restarting('file', async server => {
      const a = ourParty(server.url, 'restart')
      const b = ourParty(server.url, 'restart')
      introduce(a, 'ada')
      introduce(b, 'bob')
      type(a, 'before ')
      await until(() => expect(textOf(b)).toBe('before '))
      await server.stop()
      type(a, 'meanwhile ')
      await server.start()
      await a.provider.whenSaved()
      await until(() => expect(textOf(b)).toBe('before meanwhile '))
      type(b, 'after')
      await until(() => expect(textOf(a)).toBe('before meanwhile after'))
      await until(() =>
        expect([seenBy(a), seenBy(b)]).toEqual([
          ['ada', 'bob'],
          ['ada', 'bob'],
        ]),
      )
    }))

  test('in memory, whose document is lost is told so, keeps every edit, and can bring them all back', () =>
    restarting('memory', async server => {
      const a = ourParty(server.url, 'lost')
      const b = ourParty(server.url, 'lost')
      type(a, 'saved ')
      await until(() => expect(textOf(b)).toBe('saved '))
      await server.stop()
      type(a, 'meanwhile')
      await server.start()
      await until(() => {
        for (const { errors } of [a, b])
          expect(errors.at(-1)).toMatchObject({ code: ProviderCode.documentDeleted, fatal: true })
      })
      expect(a.provider).toMatchObject({ saved: false, synced: false, unsaved: { updates: 1 } })
      expect(await exists(server, 'lost')).toBe(false)
      const again = ourParty(server.url, 'lost', { doc: a.doc })
      await again.provider.whenSaved()
      const joiner = ourParty(server.url, 'lost')
      await until(() => expect(textOf(joiner)).toBe('saved meanwhile'))
      expect(a.errors.map(({ code }) => code)).not.toContain(ErrorCode.internal)
    }))
})
