import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ErrorCode, readUpdate } from '../../protocol/index.ts'
import { Choices } from './choices.ts'
import { escaped, unescaped } from './escaped.ts'
import { Finding, type Rule } from './finding.ts'
import { checkAnswer } from './judgement.ts'
import { readLives } from './lives.ts'
import { type Performer, shrink } from './shrink.ts'
import { mutateUpdate } from './update-mutations.ts'
import { bytesOf, fieldsOf, shapeOf } from './update-shape.ts'
import { type Answer, Wire } from './wire.ts'

/** What the fuzzer itself is made of: a fuzzer that sees nothing finds nothing. */

const drawn = (seed: number, index: number, count: number): number[] => {
  const choices = Choices.drawn(seed, index)
  return Array.from({ length: count }, () => choices.below(1000))
}

describe('Choices', () => {
  test('follow from the seed and the index alone, and neighbours have nothing in common', () => {
    expect(drawn(5, 9, 50)).toEqual(drawn(5, 9, 50))
    const all = [0, 1, 2].flatMap(seed => [0, 1, 2].map(index => drawn(seed, index, 20).join()))
    expect(new Set(all).size).toBe(all.length)
  })

  test('can be given, and are the plainest ones when the list is over or says too much', () => {
    const choices = Choices.given([3, 99])
    expect([choices.below(10), choices.below(10), choices.whole(5, 9), choices.happens(99)]).toEqual([
      3,
      9,
      5,
      false,
    ])
    expect(choices.taken).toEqual([3, 9, 0, 0])
  })
})

test('a request in a report is every byte that was sent', () => {
  const bytes = Uint8Array.from({ length: 512 }, (_, index) => index % 256)
  expect(Buffer.from(bytes).equals(unescaped(escaped(bytes)))).toBe(true)
  expect(escaped(bytes)).toMatch(/^[ -~]*$/)
})

describe('Updates', () => {
  const pool = readLives().then(({ lives, leftovers }) => [
    ...lives.flatMap(({ updates }) => updates),
    ...leftovers,
  ])

  test('of real Yjs, taken apart and put together, say the same', async () => {
    for (const update of await pool) {
      const again = bytesOf(fieldsOf(shapeOf(update)))
      const [is, was] = [readUpdate(again), readUpdate(update)]
      expect([...is.structs]).toEqual([...was.structs])
      expect([...is.deletes]).toEqual([...was.deletes])
      expect(again.length).toBe(update.length)
    }
  })

  test('that were tampered with are often still well-formed, and seldom the same', async () => {
    const updates = await pool
    let [wellFormed, same] = [0, 0]
    for (let index = 0; index < 2000; index++) {
      const choices = Choices.drawn(1, index)
      const update = choices.anyOf(updates) ?? new Uint8Array()
      const mutated = mutateUpdate(choices, update, { near: [], far: updates })
      if (Buffer.compare(mutated, update) === 0) same++
      try {
        readUpdate(mutated)
        wellFormed++
      } catch {}
    }
    expect(wellFormed).toBeGreaterThan(400)
    expect(wellFormed).toBeLessThan(1800)
    expect(same).toBeLessThan(300)
  })
})

const answer = (status: number, headers: Record<string, string>, body = ''): Answer => ({
  status,
  headers: new Map(Object.entries(headers).map(([name, value]) => [name, [value]])),
  body: Buffer.from(body),
})
const nosniff = { 'x-content-type-options': 'nosniff' }
const json = { ...nosniff, 'content-type': 'application/json' }
const refusal = (code: string): string => JSON.stringify({ error: { code, message: 'no' } })

describe('An answer', () => {
  test.each<[Rule, string, Answer]>([
    ['Z3', 'a 500', answer(500, json, refusal(ErrorCode.internal))],
    ['Z3', 'a 503 without a reason', answer(503, json, '{}')],
    ['Z3', 'a status nobody knows', answer(299, nosniff)],
    ['Z4', 'one that may be sniffed', answer(200, {})],
    ['Z5', 'a refusal in plain text', answer(404, { ...nosniff, 'content-type': 'text/plain' }, 'no')],
    ['Z5', 'a refusal with a code nobody knows', answer(404, json, refusal('WHATEVER'))],
    ['Z5', 'a refusal of another type', answer(404, nosniff, refusal(ErrorCode.streamNotFound))],
  ])('breaks %s: %s', (rule, _what, bad) => {
    expect(() => checkAnswer('GET', bad)).toThrow(expect.objectContaining({ rule }))
  })

  test.each([
    answer(200, nosniff, 'anything'),
    answer(404, json, refusal(ErrorCode.streamNotFound)),
    answer(503, json, refusal(ErrorCode.tooManyReaders)),
    answer(507, json, refusal(ErrorCode.storageFull)),
  ])('is fine: $status', good => {
    expect(() => checkAnswer('GET', good)).not.toThrow()
  })
})

describe('The wire', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) server.close()
  })

  /** A connection to somebody who says this, piece by piece, and then leaves or stays. */
  const hearing = async (pieces: readonly string[], stays = false): Promise<Wire> => {
    const server = createServer(socket => {
      socket.on('error', () => undefined)
      const say = (left: readonly string[]): void => {
        const [piece, ...rest] = left
        if (piece !== undefined) socket.write(piece, 'latin1', () => say(rest))
        else if (!stays) socket.end()
      }
      say(pieces)
    }).listen(0, '127.0.0.1')
    servers.push(server)
    await once(server, 'listening')
    const address = server.address()
    return Wire.open(typeof address === 'object' ? (address?.port ?? 0) : 0)
  }

  const chunked =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'

  test('reads an answer however it is cut, and the one after it', async () => {
    for (let cut = 0; cut <= chunked.length; cut += 7) {
      const next = 'HTTP/1.1 204 No Content\r\n\r\n'
      const wire = await hearing([chunked.slice(0, cut), chunked.slice(cut) + next])
      const first = await wire.answer('GET')
      expect(first).toMatchObject({ status: 200, body: Buffer.from('abcde') })
      expect(await wire.answer('GET')).toMatchObject({ status: 204 })
      expect(await wire.answer('GET')).toBe('ended')
      wire.drop()
    }
  })

  test.each([
    ['no status line', 'HTTP/1.0 200 OK\r\n\r\n'],
    ['a header that is none', 'HTTP/1.1 200 OK\r\nbad header: 1\r\n\r\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na'],
    ['no length at all', 'HTTP/1.1 200 OK\r\n\r\na'],
    ['too short a body', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc'],
    ['a chunk without a size', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nabc'],
    ['a chunk longer than it says', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n'],
    ['a 204 with a body', 'HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\na'],
    ['a head without an end', 'HTTP/1.1 200 OK\r\nA: b'],
  ])('does not take %s', async (_what, said) => {
    const wire = await hearing([said])
    await expect(wire.answer('GET')).rejects.toMatchObject({ rule: 'Z2' })
    wire.drop()
  })

  test('does not wait for ever', async () => {
    const wire = await hearing(['HTTP/1.1 200 OK\r\n'], true)
    await expect(wire.answer('GET', 50)).rejects.toMatchObject({ rule: 'Z1' })
    wire.drop()
  })
})

test('an execution that fails is made as small as it can be', async () => {
  const performer: Performer = {
    subject: {
      complaints: [],
      measure: () => Promise.reject(new Error('nobody is there')),
      kill: async () => undefined,
    },
    // Fails whenever three in a row ascend, whatever else there is.
    execute: async choices => {
      choices.below(100) // the family
      const numbers = Array.from({ length: 40 }, () => choices.below(100))
      const fails = numbers.slice(1).some((number, at) => {
        const [before = 0, after = 0] = [numbers[at], numbers[at + 2]]
        return before < number && number < after
      })
      if (!fails) return undefined
      return {
        finding: new Finding('Z1', 'they ascend'),
        family: 'updates',
        choices: choices.taken,
        lines: [],
      }
    },
  }
  const first = await performer.execute(Choices.drawn(1, 1))
  if (!first) throw new Error('this seed has no three in a row that ascend')
  const { choices } = await shrink(first, async () => performer, 10_000)
  expect(choices.length).toBeLessThan(6)
  expect(Math.max(...choices.slice(1))).toBeLessThan(4)
})
