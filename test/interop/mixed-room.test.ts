import { afterAll, beforeAll, expect, test } from 'vitest'
import * as Y from 'yjs'
import { DurableStream } from '../../client/index.ts'
import { ErrorCode } from '../../protocol/index.ts'
import { ProviderCode } from '../../provider/error.ts'
import {
  documentUrl,
  introduce,
  type OurParty,
  ourParty,
  type Party,
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

let server: Restartable
beforeAll(async () => {
  server = await ours('lmdb')
})
afterAll(() => server.close())

/** Our provider and the published one, each caught up. */
const room = async (name: string): Promise<{ our: OurParty; their: ReferenceParty }> => {
  const our = ourParty(server.url, name)
  const their = referenceParty(server.url, name)
  await until(() => expect([our.provider.synced, their.provider.synced]).toEqual([true, true]))
  return { our, their }
}

const agree = (...parties: readonly Party[]): Promise<void> =>
  until(() => {
    const [first, ...others] = parties.map(({ doc }) => Y.snapshot(doc))
    for (const other of others) expect(first && Y.equalSnapshots(first, other)).toBe(true)
  })

test('[interop: both providers, our server/sync] both type at once, in one place, and have the same text', async () => {
  const { our, their } = await room('sync')
  for (let round = 0; round < 20; round++) {
    our.doc.getText('text').insert(0, `o${round} `)
    their.doc.getText('text').insert(0, `t${round} `)
    if (round % 3 === 0) our.doc.getText('text').delete(1, 2)
    if (round % 4 === 0) their.doc.getText('text').delete(0, 1)
  }
  await agree(our, their)
  await our.provider.whenSaved()
  const joiners = [ourParty(server.url, 'sync'), referenceParty(server.url, 'sync')]
  await agree(our, their, ...joiners)
  expect(textOf(their)).toBe(textOf(our))
  expect([...our.errors, ...their.errors]).toEqual([])
})

test('[interop: both providers, our server/presence] each sees the other come, change and go', async () => {
  const { our, their } = await room('presence')
  introduce(our, 'our')
  introduce(their, 'their')
  await until(() => {
    for (const party of [our, their]) expect(seenBy(party)).toEqual(['our', 'their'])
  })
  introduce(their, 'their cursor')
  await until(() => expect(seenBy(our)).toEqual(['our', 'their cursor']))
  introduce(our, 'our cursor')
  await until(() => expect(seenBy(their)).toEqual(['our cursor', 'their cursor']))
  const joiner = ourParty(server.url, 'presence')
  introduce(joiner, 'joiner')
  await until(() => {
    for (const party of [our, their, joiner])
      expect(seenBy(party)).toEqual(['joiner', 'our cursor', 'their cursor'])
  })
  our.provider.disconnect()
  await until(() => expect(seenBy(their)).toEqual(['joiner', 'their cursor']))
  await their.provider.disconnect()
  await until(() => expect(seenBy(joiner)).toEqual(['joiner']))
})

test('[interop: both providers, our server/compaction] both go on over a snapshot, and both kinds of joiner start from it', async () => {
  const { our, their } = await room('compaction')
  for (let round = 0; round < 25; round++) {
    type(our, `o${round} `)
    type(their, `t${round} `)
  }
  await until(async () => expect(await snapshotAt(server.url, 'compaction')).toBeDefined())
  type(their, 'past it')
  const joiners = [ourParty(server.url, 'compaction'), referenceParty(server.url, 'compaction')]
  await agree(our, their, ...joiners)
  for (const party of joiners) type(party, '!')
  await agree(our, their, ...joiners)
  expect(textOf(our)).toMatch(/!$/)
})

test('[interop: both providers, our server/deletion] both are told, and neither brings the document back', async () => {
  const { our, their } = await room('deletion')
  type(their, 'text')
  await agree(our, their)
  await removeDocument(server.url, 'deletion')
  await until(() => {
    expect(our.errors.at(-1)).toMatchObject({ code: ProviderCode.documentDeleted, fatal: true })
    expect(their.errors[0]).toMatchObject({ status: 404 })
  })
  type(our, ' and more')
  type(their, ' and more')
  const gone = new DurableStream({ url: documentUrl(server.url, 'deletion') })
  await expect(gone.head()).rejects.toMatchObject({ status: 404, code: ErrorCode.streamNotFound })
  expect([textOf(our), textOf(their)]).toEqual(['text and more', 'text and more'])
})

test('[interop: both providers, our server/restart] what ours typed while the server was away arrives at the other, presence returns', async () => {
  const { our, their } = await room('restart')
  introduce(our, 'our')
  introduce(their, 'their')
  type(their, 'before ')
  await agree(our, their)
  await server.stop()
  type(our, 'away ')
  expect(our.provider.saved).toBe(false)
  await server.start()
  await our.provider.whenSaved()
  await agree(our, their)
  expect(textOf(their)).toBe('before away ')
  type(their, 'after')
  await agree(our, their)
  expect(textOf(our)).toBe('before away after')
  await until(() => expect(seenBy(our)).toEqual(['our', 'their']))
  await until(() => {
    introduce(our, 'our')
    expect(seenBy(their)).toEqual(['our', 'their'])
  })
})
