import { ContentType, encodeFrames, Live, Query, Sentinel } from '../../protocol/index.ts'
import { any, garbage, type Section, text, update } from '../protocol/handmade.ts'
import type { Arena } from './arena.ts'
import { DocumentLog } from './document-log.ts'
import { expectRoom } from './families/abandoned.ts'
import { Finding } from './finding.ts'
import { encodeRequest, get, latin1, put } from './request.ts'
import { bounds } from './subject.ts'

/** What once broke a rule, as small as it was found to do so. */
export type Case = { readonly says: string } & (
  | {
      /** Updates posted to a document that was empty, in one request each list. */
      readonly requests: readonly (readonly Uint8Array[])[]
    }
  | {
      /** Bytes sent at once; `@` stands for the stream. */
      readonly sent: string
      readonly answers: readonly number[]
      /** What the stream holds then. */
      readonly appended: string
    }
  | {
      /** Live reads asked for at once, by a client that leaves without an answer. */
      readonly readers: number
    }
)

const by7 = (structs: Section['structs'], clock = 0): Uint8Array => update([{ client: 7, clock, structs }])
const value = any(Uint8Array.of(126)) // null
const head = `POST @ HTTP/1.1\r\nHost: fuzz\r\nContent-Type: ${ContentType.binary}\r\n`

export const corpus: readonly Case[] = [
  {
    says: 'text that begins within garbage of its own client made every reader of the document throw',
    requests: [[by7([garbage(1)])], [by7([text('ab')])]],
  },
  {
    says: 'so it did when both came in one request',
    requests: [[by7([garbage(1)]), by7([text('ab')])]],
  },
  {
    says: 'so it did when garbage was all that an earlier update said of more clocks',
    requests: [[by7([garbage(3)])], [by7([text('abcdef')]), by7([text('x', 'b')], 6)]],
  },
  {
    says: 'text that begins within an item of another root was joined to it, and a snapshot said something else than the log',
    requests: [[by7([value])], [by7([text('abc', 'b')])]],
  },
  {
    says: 'of two contents of one clock a snapshot kept the second, and its readers the first',
    requests: [[by7([text('a')])], [by7([garbage(1)])]],
  },
  {
    says: 'the answer to a broken request overtook that to the append before it, and said that nothing was stored',
    sent: `${head}Content-Length: 1\r\n\r\na${head}Transfer-Encoding: chunked\r\n\r\nx\r\n`,
    answers: [204, 400],
    appended: 'a',
  },
  {
    says: 'a request behind the last answer of its connection was carried out',
    sent: `${head}Content-Length: ${bounds.bodyBytes + 1}\r\n\r\n${'y'.repeat(bounds.bodyBytes + 1)}${head}Content-Length: 1\r\n\r\nb`,
    answers: [413],
    appended: '',
  },
  {
    says: 'a host that looks like an address and is none made every read a 500',
    sent: 'GET @?offset=-1 HTTP/1.1\r\nHost: 9007199254740990\r\n\r\n',
    answers: [200],
    appended: '',
  },
  {
    says: 'readers that were asked for at once, by a client that left, kept their places for ever',
    readers: bounds.readersPerStream + 1,
  },
]

/** @throws Finding when it still does */
export const perform = async (arena: Arena, one: Case): Promise<void> => {
  if ('requests' in one) return write(arena, one.requests)
  const stream = arena.stream()
  arena.expect(await arena.ask(put(stream, ContentType.binary)), [201], 'Z13', 'a stream cannot be created')
  const wire = await arena.open()
  if ('readers' in one) {
    const request = encodeRequest(get(stream, { [Query.offset]: Sentinel.tail, [Query.live]: Live.sse }))
    arena.write(wire, Buffer.concat(Array.from({ length: one.readers }, () => request)))
    await wire.spoke(patientMs)
    arena.drop(wire)
    return expectRoom(arena, stream)
  }
  arena.write(wire, latin1(one.sent.replaceAll('@', stream)))
  for (const status of one.answers) {
    const answer = await arena.answer(wire, 'POST')
    if (answer === 'ended') throw new Finding('Z1', 'the connection ended before the last answer')
    arena.expect(answer, [status], 'Z13', `not answered ${status}`)
  }
  arena.drop(wire)
  const content = (await arena.whole(stream)).toString('latin1')
  if (content !== one.appended) throw new Finding('Z6', `the stream holds ${JSON.stringify(content)}`)
}

const patientMs = 5_000

const write = async (arena: Arena, requests: readonly (readonly Uint8Array[])[]): Promise<void> => {
  const log = new DocumentLog(arena, arena.document())
  await log.begin([])
  for (const updates of requests) await log.post(encodeFrames(updates))
  await log.check()
  await log.checkSnapshot(true)
}
