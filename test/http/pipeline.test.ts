import { once } from 'node:events'
import { type RequestListener, Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { defaultLimits } from '../../server/limits.ts'
import { answerClientErrors, connectionBounds } from '../../server/listen/client-error.ts'
import { inTurn } from '../../server/listen/in-turn.ts'
import { realWorld } from '../../server/world.ts'
import { RawConnection, request } from '../process/raw.ts'

const servers: Server[] = []
const connections: RawConnection[] = []

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})

/** A server whose every answer waits until it is told to come. */
const opened = async () => {
  const begun: string[] = []
  const waiting = new Map<string, () => void>()
  let heard: (() => void) | undefined
  const respond: RequestListener = ({ url = '', method }, outgoing) => {
    begun.push(url)
    waiting.set(url, () => outgoing.end(`${method} ${url};`))
    heard?.()
  }
  const server = new Server(connectionBounds(defaultLimits), inTurn(respond))
  answerClientErrors(server, defaultLimits, realWorld)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    begun,
    server,
    connect: async () => {
      const connection = await RawConnection.open(`http://127.0.0.1:${port}`)
      connections.push(connection)
      return connection
    },
    /** Lets the answer come, once the request has begun. */
    answer: async (url: string) => {
      while (!waiting.has(url)) {
        await new Promise<void>(resolve => {
          heard = resolve
        })
      }
      waiting.get(url)?.()
    },
  }
}

describe('Requests that a client sent ahead', () => {
  test('begin when those before them were answered', async () => {
    const { connect, begun, answer } = await opened()
    const connection = await connect()
    connection.send(request('GET /a') + request('GET /b') + request('GET /c'))
    await answer('/a')
    await connection.until(/GET \/a;/)
    await answer('/b')
    await connection.until(/GET \/b;/)
    expect(begun.slice(0, 2)).toEqual(['/a', '/b'])
    await answer('/c')
    await connection.until(/GET \/c;/)
    expect(begun).toEqual(['/a', '/b', '/c'])
  })

  test('hold up nobody else', async () => {
    const { connect, answer, begun } = await opened()
    const [one, other] = [await connect(), await connect()]
    one.send(request('GET /a') + request('GET /b'))
    other.send(request('GET /c'))
    await answer('/c')
    await other.until(/GET \/c;/)
    expect(begun).not.toContain('/b')
  })

  test('are forgotten when the client leaves', async () => {
    const { connect, answer, begun, server } = await opened()
    const accepted = once(server, 'connection')
    const connection = await connect()
    const [socket] = (await accepted) as [Socket]
    const gone = once(socket, 'close')
    connection.send(request('GET /a') + request('GET /b'))
    while (!begun.includes('/a')) await once(server, 'request')
    connection.close()
    await gone
    await answer('/a')
    const next = await connect()
    next.send(request('GET /c'))
    await answer('/c')
    await next.until(/GET \/c;/)
    expect(begun).toEqual(['/a', '/c'])
  })

  test('are forgotten behind the last answer of their connection', async () => {
    const { connect, answer, begun } = await opened()
    const connection = await connect()
    connection.send(request('GET /a', { Connection: 'close' }) + request('GET /b'))
    await answer('/a')
    const { text } = await connection.untilEnd()
    expect(text).toContain('GET /a;')
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(begun).toEqual(['/a'])
  })
})

describe('The answer to a broken request', () => {
  test('comes after that to the request before it', async () => {
    const { connect, answer } = await opened()
    const connection = await connect()
    connection.send(`${request('GET /a')}\u0000\r\n\r\n`)
    await answer('/a')
    const { text } = await connection.untilEnd()
    expect(text).toMatch(/^HTTP\/1\.1 200 .*GET \/a;HTTP\/1\.1 400 .*"INVALID_REQUEST"/s)
  })

  test('comes after it also when the head was in order and the body is not', async () => {
    const { connect, answer, begun } = await opened()
    const connection = await connect()
    connection.send(`${request('GET /a')}${request('POST /b', { 'Transfer-Encoding': 'chunked' })}x\r\n`)
    await answer('/a')
    const { text } = await connection.untilEnd()
    expect(text).toMatch(/^HTTP\/1\.1 200 .*GET \/a;HTTP\/1\.1 400 /s)
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(2)
    expect(begun.filter(url => url === '/a')).toHaveLength(1)
  })

  test('comes once, however much of it there is', async () => {
    const { connect, answer } = await opened()
    const connection = await connect()
    connection.send(`${request('GET /a')}\u0000`)
    for (let left = 5; left > 0; left--) connection.send('\u0000\u0001\r\n')
    await answer('/a')
    const { text } = await connection.untilEnd()
    expect(text.match(/ 400 /g)).toHaveLength(1)
  })
})
