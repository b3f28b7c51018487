import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { decodeFrames, Ranges, readUpdate } from '../../protocol/index.ts'
import { Claims } from '../../server/yjs/claims.ts'
import { repetitionsIn, withoutRepetitions } from '../../server/yjs/repetition.ts'
import { type App, openApp } from '../http/fixture.ts'
import { edits, play } from '../protocol/edits.ts'
import { garbage, type Struct, text, update } from '../protocol/handmade.ts'
import { check } from '../protocol/property.ts'
import { settled } from '../streams/world.ts'
import { binary, d, docOf, expectSame, framed, post, typing } from './fixture.ts'

const by7 = (structs: readonly Struct[], clock = 0): Uint8Array => update([{ client: 7, clock, structs }])

const opened = async (): Promise<App> => {
  const app = openApp()
  await app.send('PUT', d)
  return app
}

const log = async ({ send }: App): Promise<Uint8Array[]> =>
  decodeFrames(new Uint8Array(await (await send('GET', d)).arrayBuffer()))

describe('What a document holds already', () => {
  test('is not in its log twice: an update is cut where it begins to be new', async () => {
    const app = await opened()
    const [first, second] = typing(2) as [Uint8Array, Uint8Array]
    await post(app, first)
    const whole = Y.encodeStateAsUpdate(docOf(first, second))
    expect(readUpdate(whole).structCount).toBe(1)
    await post(app, whole)
    const [, cut] = await log(app)
    expect([...readUpdate(cut ?? new Uint8Array()).structs]).toEqual([{ client: 1, clock: 10, length: 10 }])
    expectSame(docOf(...(await log(app))), docOf(first, second))
  })

  test('leaves of an update that is not new its deletions', async () => {
    const app = await opened()
    const [first] = typing(1) as [Uint8Array]
    await post(app, first)
    const deleting = docOf(first)
    deleting.getText('text').delete(0, 3)
    await post(app, Y.encodeStateAsUpdate(deleting))
    const [, rest] = await log(app)
    const { structs, deletes } = readUpdate(rest ?? new Uint8Array())
    expect([structs.isEmpty, [...deletes]]).toEqual([true, [{ client: 1, clock: 0, length: 3 }]])
    expectSame(docOf(...(await log(app))), deleting)
  })

  test('is told also from the updates before it in the same request', async () => {
    const app = await opened()
    const [first, second] = typing(2) as [Uint8Array, Uint8Array]
    await post(app, first, Y.mergeUpdates([first, second]))
    const [one, two] = (await log(app)) as [Uint8Array, Uint8Array]
    expect(one).toEqual(first)
    expect([...readUpdate(two).structs]).toEqual([{ client: 1, clock: 10, length: 10 }])
    const other = openApp()
    await other.send('PUT', d, { ...binary, body: framed(first, Y.mergeUpdates([first, second])) })
    expect(await log(other)).toEqual([one, two])
  })

  test('counts once when two requests bring it side by side', async () => {
    const app = await opened()
    const bodies = [framed(by7([garbage(1)])), framed(by7([text('abc')]))]
    const answers = await Promise.all(bodies.map(body => app.send('POST', d, { ...binary, body })))
    expect(answers.map(({ status }) => status)).toEqual([204, 204])
    await settled()
    const [one, two] = (await log(app)) as [Uint8Array, Uint8Array]
    expect([...readUpdate(two).structs]).toEqual([{ client: 7, clock: 1, length: 2 }])
    expect(() => docOf(one, two)).not.toThrow()
  })

  test('by another content cannot make Yjs throw: text that begins within garbage', async () => {
    const app = await opened()
    expect(() => docOf(by7([garbage(1)]), by7([text('ab')]))).toThrow(TypeError)
    await post(app, by7([garbage(1)]))
    await post(app, by7([text('ab')]))
    const updates = await log(app)
    expect(() => docOf(...updates)).not.toThrow()
  })

  test('is left out of any log, and what is left is the same document', () => {
    check(
      fc.property(edits, fc.nat(), (script, pick) => {
        const { docs, events } = play(script)
        const state = Y.encodeStateAsUpdate(docs[pick % docs.length] ?? new Y.Doc())
        const all = [...events, state, ...events.slice(-3)]
        const cut = decodeFrames(
          withoutRepetitions(
            framed(...all),
            repetitionsIn(
              all.map(one => readUpdate(one)),
              new Ranges(),
            ),
          ),
        )
        expect(cut).toHaveLength(all.length)
        expectSame(docOf(...cut), docOf(...all))
        const held = new Ranges()
        for (const one of cut) {
          const { structs } = readUpdate(one)
          for (const { client, clock, length } of structs)
            expect(held.contiguous(client), `${length}`).toBeLessThanOrEqual(clock)
          held.addAll(structs)
        }
      }),
    )
  })
})

describe('Work that claims clients of a document', () => {
  const gate = () => {
    let open = (): void => undefined
    const passed = new Promise<void>(resolve => {
      open = resolve
    })
    return { passed, open }
  }

  test('waits for other work on one of them, and for nothing else', async () => {
    const claims = new Claims()
    const begun: string[] = []
    const first = gate()
    const work =
      (name: string, until: Promise<void> = Promise.resolve()) =>
      async () => {
        begun.push(name)
        await until
        return name
      }
    const running = [
      claims.hold('d', new Set([1, 2]), work('first', first.passed)),
      claims.hold('d', new Set([2, 3]), work('second')),
      claims.hold('d', new Set([3]), work('another client')),
      claims.hold('e', new Set([1]), work('another document')),
      claims.hold('d', new Set<number>(), work('nobody')),
    ]
    await Promise.all(running.slice(2))
    expect(begun).toEqual(['first', 'another client', 'another document', 'nobody'])
    first.open()
    expect(await Promise.all(running)).toContain('second')
    expect(begun.at(-1)).toBe('second')
  })

  test('that fails lets the next one begin', async () => {
    const claims = new Claims()
    const failing = claims.hold('d', new Set([1]), () => Promise.reject(new Error('full')))
    const next = claims.hold('d', new Set([1]), async () => 'done')
    await expect(failing).rejects.toThrow('full')
    expect(await next).toBe('done')
  })
})
