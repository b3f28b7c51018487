import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { DurableStream } from '../../client/index.ts'
import { controlEvent, Header, type Offset } from '../../protocol/index.ts'
import { eventHeaders, textOf } from './replay.ts'

/** What only real sockets show: connections that are used again, and answers that are let go. */
let stop = () => {}
afterEach(() => stop())

const serve = async (answer: (request: IncomingMessage, response: ServerResponse) => void) => {
  let sockets = 0
  const server = createServer(answer).on('connection', () => sockets++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  stop = () => {
    server.closeAllConnections()
    server.close()
  }
  const { port } = server.address() as AddressInfo
  return { base: `http://127.0.0.1:${port}`, sockets: () => sockets }
}
const next = '0000_0001' as Offset

test('requests one after another share a connection, whatever they were answered', async () => {
  const answers = [200, 201, 204, 404, 409, 503]
  let count = 0
  const { base, sockets } = await serve((request, response) => {
    const status = answers[count++ % answers.length] ?? 200
    request.resume().on('end', () => {
      response.writeHead(status, { [Header.nextOffset]: next })
      response.end(status === 204 ? undefined : 'some body')
    })
  })
  const stream = new DurableStream({ url: `${base}/s`, retry: false })
  for (let round = 0; round < 5; round++) {
    const calls = [
      () => stream.create(),
      () => stream.append('x'),
      () => stream.read(),
      () => stream.remove(),
    ]
    for (const call of [...calls, () => stream.close()]) await call().catch(() => {}) // not HEAD: Node closes after it
  }
  expect(count).toBe(25)
  expect(sockets()).toBeLessThanOrEqual(2)
})

test.each(['the signal', 'leaving the loop'])('an answer is cut off at the server by %s', async way => {
  let cut: (value: unknown) => void = () => {}
  const gone = new Promise(resolve => {
    cut = resolve
  })
  const { base } = await serve((_, response) => {
    response.on('close', cut)
    response.writeHead(200, eventHeaders)
    response.write(controlEvent({ nextOffset: next, cursor: '1', upToDate: true }))
  })
  const giveUp = new AbortController()
  for await (const batch of new DurableStream({ url: `${base}/s` }).follow({ signal: giveUp.signal })) {
    expect(batch.next).toBe(next)
    if (way === 'the signal') giveUp.abort()
    else break
  }
  await gone
})

test('a redirect is followed, and the answer says where it was found', async () => {
  const { base } = await serve((request, response) => {
    if (request.url?.includes('offset=snapshot')) {
      response.writeHead(307, { Location: '/s?offset=0000_0001_snapshot' }).end()
    } else {
      response.writeHead(200, { [Header.nextOffset]: next }).end(request.url)
    }
  })
  const result = await new DurableStream({ url: `${base}/s` }).read({ offset: 'snapshot' })
  expect(textOf(result.bytes)).toBe('/s?offset=0000_0001_snapshot')
  expect(result).toMatchObject({ url: `${base}/s?offset=0000_0001_snapshot`, next })
})

test('a server that is not there is a NETWORK error with its cause', async () => {
  const { base } = await serve((_, response) => response.end())
  stop()
  const stream = new DurableStream({ url: `${base}/s`, retry: false })
  await expect(stream.head()).rejects.toMatchObject({
    code: 'NETWORK',
    status: undefined,
    cause: expect.any(TypeError),
  })
})

test('an answer shorter than it said is a NETWORK error, not data', async () => {
  const { base } = await serve((_, response) => {
    response.writeHead(200, { [Header.nextOffset]: next, 'Content-Length': '100' })
    response.write('short')
    response.socket?.end()
  })
  const stream = new DurableStream({ url: `${base}/s`, retry: false })
  await expect(stream.read()).rejects.toMatchObject({ code: 'NETWORK' })
})
