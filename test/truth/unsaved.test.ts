import { afterEach, describe, expect, test } from 'vitest'
import { Outbox } from '../../provider/outbox.ts'
import type { Phase } from '../../provider/phase.ts'
import { type Standing, whyOf } from '../../provider/unsaved.ts'
import { Endings, opened, served, until } from './truth-world.ts'

const over = new Endings()
afterEach(() => over.run())

const standings: readonly Standing[] = ['sending', 'waiting', 'read-only', 'too-large', 'rejected']

describe('Why something is not saved', () => {
  test.each<Phase>(['idle', 'joining', 'resting'])('is that there is no connection: %s', phase => {
    for (const standing of standings) expect(whyOf(phase, standing)).toBe('offline')
  })

  test.each<Phase>(['stopped', 'closed'])('is that the provider stopped: %s', phase => {
    for (const standing of standings) expect(whyOf(phase, standing)).toBe('stopped')
  })

  test('is how sending goes, while there is one', () => {
    for (const standing of standings) expect(whyOf('live', standing)).toBe(standing)
  })
})

/** A network in which an append is answered when the test says so. */
const withheld = () => {
  const answers: (() => void)[] = []
  const way = { holding: false }
  const go: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init)
    if (way.holding && init?.method === 'POST') await new Promise<void>(resolve => answers.push(resolve))
    return answer
  }
  return { way, answers, fetch: go }
}

describe('whenSaved()', () => {
  test('resolves after the acknowledgement, however long the server keeps it, and not before', async () => {
    const server = await served(over)
    const { way, answers, fetch } = withheld()
    const ada = opened(over, server, { fetch })
    await ada.provider.whenSynced()
    way.holding = true
    const begun = Date.now()
    ada.text.insert(0, 'one')
    let saved = false
    const promise = ada.provider.whenSaved().then(() => {
      saved = true
    })
    while (answers.length === 0) await new Promise(resolve => setImmediate(resolve))
    const bob = opened(over, server)
    await until(bob, () => bob.text.toString() === 'one') // the server has it, and this provider even read it back
    await until(ada, () => ada.provider.status === 'connected')
    expect([saved, ada.provider.saved, ada.provider.synced]).toEqual([false, false, false])
    const { updates, bytes, since, why } = ada.provider.unsaved ?? {}
    expect([updates, why]).toEqual([1, 'sending'])
    expect(bytes).toBeGreaterThan(3)
    expect(since).toBeGreaterThanOrEqual(begun)
    ada.text.insert(3, ' two')
    expect(ada.provider.unsaved).toMatchObject({ updates: 2, since })
    answers.shift()?.()
    while (answers.length === 0) await new Promise(resolve => setImmediate(resolve))
    expect([saved, ada.provider.unsaved?.updates]).toEqual([false, 1])
    way.holding = false
    answers.shift()?.()
    await promise
    expect([ada.provider.saved, ada.provider.unsaved]).toEqual([true, undefined])
  })

  test('waits for a server that fails, and says so', async () => {
    const server = await served(over)
    let fails = true
    const ada = opened(over, server, {
      fetch: async (input, init) =>
        fails && init?.method === 'POST' ? new Response('busy', { status: 503 }) : fetch(input, init),
    })
    await ada.provider.whenSynced()
    ada.text.insert(0, 'one')
    expect(ada.provider.unsaved?.why).toBe('sending')
    await until(ada, () => ada.errors.length > 0)
    expect(ada.provider.unsaved?.why).toBe('waiting')
    fails = false
    await ada.provider.whenSaved()
    ada.text.insert(0, 'two')
    expect(ada.provider.unsaved?.why).toBe('sending')
    await ada.provider.whenSaved()
  })

  test('says why before it is connected, and after it was destroyed', async () => {
    const server = await served(over)
    const ada = opened(over, server, { connect: false })
    ada.text.insert(0, 'one')
    expect(ada.provider.unsaved).toMatchObject({ updates: 1, why: 'offline' })
    ada.provider.destroy()
    expect(ada.provider.unsaved?.why).toBe('stopped')
  })
})

test('What is told is so when it is told, and all hear it in the same order, also when a listener edits at once', async () => {
  const server = await served(over)
  const ada = opened(over, server)
  await ada.provider.whenSynced()
  const heard: string[] = []
  const later: string[] = []
  const lies: boolean[] = []
  let answered = false
  ada.provider.on('saved', is => {
    heard.push(`saved ${is}`)
    if (!is || answered) return
    answered = true
    ada.text.insert(3, ' two')
  })
  ada.provider.on('saved', is => later.push(`saved ${is}`))
  ada.provider.on('sync', is => {
    later.push(`sync ${is}`)
    heard.push(`sync ${is}`)
    if (ada.provider.synced !== is) lies.push(is)
  })
  ada.text.insert(0, 'one')
  await until(ada, () => answered && ada.provider.synced)
  expect(later).toEqual(['saved false', 'sync false', 'saved true', 'saved false', 'saved true', 'sync true'])
  expect([heard, lies]).toEqual([later, []])
})

describe('The outbox', () => {
  const bytes = (value: number) => new Uint8Array([0, 0, value]).subarray(0, 2)
  const none = () => undefined

  test('sends the parts of what was taken one after another, and all of it is unsaved until the last is kept', () => {
    const outbox = new Outbox()
    outbox.add(bytes(1), 7)
    const pack = () => ({ updates: [bytes(2), bytes(3)], leftBytes: 0 })
    expect(outbox.take(none, pack)).toMatchObject({ seq: 0, updates: [bytes(2)] })
    outbox.settle()
    expect([outbox.saved, outbox.flying, outbox.unsaved]).toEqual([
      false,
      true,
      { updates: 1, bytes: 2, since: 7 },
    ])
    outbox.add(bytes(4), 9)
    expect(outbox.take(none, pack)).toMatchObject({ seq: 1, updates: [bytes(3)] })
    outbox.settle()
    expect([outbox.flying, outbox.unsaved]).toEqual([false, { updates: 1, bytes: 2, since: 9 }])
  })

  test('puts smaller parts in the place of one that was refused, under its number', () => {
    const outbox = new Outbox()
    outbox.add(bytes(1), 7)
    const pack = () => ({ updates: [bytes(2), bytes(3)], leftBytes: 0 })
    outbox.take(none, pack)
    outbox.divide([bytes(4), bytes(5)])
    const sent = [0, 1, 2].map(() => {
      const flight = outbox.take(none, pack)
      outbox.settle()
      return [flight?.seq, flight?.updates[0]]
    })
    expect(sent).toEqual([
      [0, bytes(4)],
      [1, bytes(5)],
      [2, bytes(3)],
    ])
    expect(outbox.saved).toBe(true)
  })

  test('is not busy with what stays behind, and not saved either', () => {
    const outbox = new Outbox()
    outbox.add(bytes(1), 7)
    expect(outbox.take(none, () => ({ updates: [], leftBytes: 99 }))).toBeUndefined()
    expect([outbox.busy, outbox.saved, outbox.unsaved]).toEqual([
      false,
      false,
      { updates: 1, bytes: 2, since: 7 },
    ])
    outbox.add(bytes(2), 8)
    outbox.take(none, update => ({ updates: [update], leftBytes: 0 }))
    outbox.settle()
    expect([outbox.busy, outbox.saved, outbox.unsaved?.updates]).toEqual([false, false, 1])
    outbox.oweDifference(9)
    outbox.take(
      () => bytes(5),
      update => ({ updates: [update], leftBytes: 0 }),
    )
    outbox.settle()
    expect([outbox.saved, outbox.unsaved]).toEqual([true, undefined])
  })

  test('looks at everything anew when told so', () => {
    const outbox = new Outbox()
    outbox.add(bytes(1), 7)
    outbox.take(none, () => ({ updates: [], leftBytes: 50 }))
    outbox.add(bytes(2), 8)
    let asked = 0
    const pack = (update: Uint8Array) => (asked++ === 0 ? undefined : { updates: [update], leftBytes: 0 })
    expect(outbox.take(() => bytes(9), pack)).toMatchObject({ updates: [bytes(9)] })
    outbox.settle()
    expect(outbox.saved).toBe(true)
  })

  test('owes the difference for what was in flight, in parts or left behind, when sending begins anew', () => {
    const outbox = new Outbox()
    outbox.add(bytes(1), 7)
    outbox.take(none, () => ({ updates: [bytes(2), bytes(3)], leftBytes: 10 }))
    outbox.settle()
    outbox.restart(9)
    expect([outbox.flying, outbox.unsaved?.since]).toEqual([false, 7])
    expect(outbox.take(() => bytes(5))).toMatchObject({ seq: 0, updates: [bytes(5)] })
    outbox.settle()
    expect(outbox.saved).toBe(true)
  })
})
