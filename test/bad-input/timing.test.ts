import { setTimeout as pass } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ContentType, ErrorCode } from '../../protocol/index.ts'
import type { RawConnection } from '../process/raw.ts'
import { framed, typing } from '../yjs/fixture.ts'
import { useArena } from './arena.ts'
import { answered, head, sent } from './by-hand.ts'

// Not so short that a machine under load is late with an ordinary request.
const arena = useArena({ limits: { headersMs: 1_500, requestMs: 2_500, keepAliveMs: 1_000 } })
const late = { status: 408, code: ErrorCode.requestTimeout }

describe.concurrent('A client that takes its time', () => {
  test('[row 79] a client that sends nothing is cut with 408', async () => {
    expect(await answered(await sent(arena()))).toEqual(late)
  })

  test('[row 79] a head that never ends is 408', async () => {
    const connection = await sent(arena(), 'GET /v1/stream/x HTTP/1.1\r\nHost: ')
    expect(await answered(connection)).toEqual(late)
  })

  /** Sends byte by byte until the other side has had enough. */
  const dribble = async (connection: RawConnection, bytes: string, everyMs: number): Promise<void> => {
    for (const byte of bytes) {
      if (connection.end || connection.text.includes('HTTP/1.1 408')) return
      connection.send(byte)
      await pass(everyMs)
    }
  }

  test('[row 79] a head that dribbles in is 408', async () => {
    const connection = await sent(arena(), 'GET /v1/stream/x HTTP/1.1\r\n')
    await dribble(connection, `X-Slow: ${'x'.repeat(1_000)}`, 20)
    expect(await answered(connection)).toEqual(late)
  })

  test.each([
    ['with a length', 'Content-Length: 1000'],
    ['in chunks', 'Transfer-Encoding: chunked'],
  ])('[row 79] a body %s that dribbles in is 408 and appends nothing', async (_, framing) => {
    const here = arena()
    const target = await here.stream('abc')
    await here.untouched(target, async () => {
      const connection = await sent(arena(), head(target, framing))
      await dribble(connection, '3e8\r\n'.padEnd(1_000, 'x'), 20)
      expect(await answered(connection)).toEqual(late)
    })
  })

  test.each([
    ['after its head', 0],
    ['in its middle', 500],
    ['before its last byte', 999],
  ])('[row 79] a body that breaks off %s appends nothing', async (_, bytes) => {
    const here = arena()
    const log = await here.document()
    const target = await here.stream('abc')
    for (const [where, type, body] of [
      [target, 'text/plain', 'x'.repeat(bytes)],
      [log, ContentType.binary, framed(...typing(1)).subarray(0, bytes)],
    ] as const) {
      await here.untouched(where, async () => {
        const connection = await sent(
          arena(),
          head(where, 'Content-Length: 1000').replace('text/plain', type),
          body,
        )
        connection.close()
        // A request on the same stream that comes later is answered after everything before it.
        await here.ask('POST', where, { type, body: '' })
      })
    }
  })

  test('[row 79] a connection that rests between requests is closed quietly', async () => {
    const connection = await sent(arena(), 'GET /healthz HTTP/1.1\r\nHost: arena\r\n\r\n')
    const { text, end } = await connection.untilEnd()
    expect([text.match(/^HTTP\/1\.1 /gm)?.length, end]).toEqual([1, 'ended'])
  })
})
