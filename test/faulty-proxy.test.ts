import { once } from 'node:events'
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Asked, FaultyProxy, fairWeather } from './faulty-proxy.ts'

let service: Server
let proxy: FaultyProxy
let agent: Agent
/** What reached the service, request by request. */
let reached: { readonly line: string; body: string; whole: boolean }[]
let answer: (asked: IncomingMessage, response: ServerResponse) => void

beforeEach(async () => {
  reached = []
  answer = (_, response) => response.end('answer')
  service = createServer((asked, response) => {
    const seen = { line: `${asked.method} ${asked.url}`, body: '', whole: false }
    reached.push(seen)
    asked.setEncoding('latin1').on('data', text => {
      seen.body += text
    })
    asked.on('end', () => {
      seen.whole = true
      answer(asked, response)
    })
    asked.on('error', () => undefined)
  })
  await new Promise<void>(resolve => service.listen(0, '127.0.0.1', resolve))
  proxy = await FaultyProxy.open((service.address() as AddressInfo).port)
  agent = new Agent({ keepAlive: true, maxSockets: 1 })
})
afterEach(async () => {
  agent.destroy()
  await proxy.close()
  service.closeAllConnections()
  await new Promise(resolve => service.close(resolve))
})

/** @throws what Node says of the connection, by its code */
const ask = (path: string, body?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const asking = request(`${proxy.url}${path}`, { agent, method: body === undefined ? 'GET' : 'POST' })
    asking.on('error', reject)
    asking.on('response', response => {
      let text = ''
      response.on('error', reject)
      response.setEncoding('latin1').on('data', more => {
        text += more
      })
      response.on('end', () => resolve(text))
    })
    asking.end(body)
  })
const failing = (path: string, body?: string): Promise<unknown> =>
  ask(path, body).then(
    text => `answered ${text}`,
    error => error.code,
  )
const by = (line: RegExp) => (asked: Asked) => line.test(asked.line)

describe('the faulty proxy', () => {
  test('in fair weather passes requests and answers, and knows what is under way', async () => {
    expect(await ask('/one', 'body')).toBe('answer')
    expect(reached).toEqual([{ line: 'POST /one', body: 'body', whole: true }])
    expect(proxy.underWay).toEqual([])
    expect(proxy.accepted).toBe(1)

    answer = (_, response) => response.writeHead(200).write('begun')
    const waiting = failing('/two')
    await vi.waitFor(() => expect(reached).toHaveLength(2))
    expect(proxy.underWay).toMatchObject([{ connection: 0, request: 1, line: 'GET /two HTTP/1.1' }])
    proxy.hangUp()
    expect(await waiting).toBe('ECONNRESET')
    await vi.waitFor(() => expect(proxy.underWay).toEqual([]))
  })

  test('knows that an answer without a body, and one in chunks, is whole', async () => {
    answer = (asked, response) => {
      if (asked.url === '/204') response.writeHead(204).end()
      else {
        response.write('in ')
        response.end('chunks')
      }
    }
    expect(await ask('/204')).toBe('')
    expect(proxy.underWay).toEqual([])
    expect(await ask('/chunks')).toBe('in chunks')
    expect(proxy.underWay).toEqual([])
  })

  test('delays each way by its own time and keeps the order', async () => {
    proxy.weather = { delayMs: { up: 150, down: 250 } }
    let arrived = 0
    answer = (_, response) => {
      arrived = performance.now()
      for (const letter of 'ordered') response.write(letter)
      response.end()
    }
    const began = performance.now()
    expect(await ask('/')).toBe('ordered')
    // A timer may fire within the millisecond before its time.
    expect(arrived - began).toBeGreaterThanOrEqual(149)
    expect(performance.now() - arrived).toBeGreaterThanOrEqual(249)
  })

  test('cuts before the answer to one request alone, which the service has then taken', async () => {
    const isPost = by(/^POST/)
    proxy.weather = {
      fault: asked => (isPost(asked) ? { side: 'down', after: 0, how: 'cut' } : undefined),
    }
    expect(await ask('/before')).toBe('answer')
    expect(await failing('/edit', 'kept')).toBe('ECONNRESET')
    expect(reached[1]).toEqual({ line: 'POST /edit', body: 'kept', whole: true })
    expect(await ask('/after')).toBe('answer')
    expect(proxy.accepted).toBe(2)
  })

  test.each([1, 40, 100])('lets %i bytes of an answer through, to the byte', async after => {
    proxy.weather = {
      fault: asked => (asked.request === 1 ? { side: 'down', after, how: 'cut' } : undefined),
    }
    answer = (_, response) => response.end('a'.repeat(100))
    const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1').setEncoding('latin1')
    let heard = ''
    socket.on('data', text => {
      heard += text
    })
    const end = once(socket, 'end')
    socket.write('GET /whole HTTP/1.1\r\nHost: x\r\n\r\n')
    await vi.waitFor(() => expect(heard).toMatch(/\r\n\r\na{100}$/))
    const first = heard.length
    socket.write('GET /part HTTP/1.1\r\nHost: x\r\n\r\n')
    await end
    expect(heard.slice(first)).toBe(heard.slice(0, after))
    expect(proxy.exchanges.map(({ bytes }) => bytes)).toEqual([first, after])
  })

  test('cuts a request in its middle, of which the service then has no more', async () => {
    proxy.weather = { fault: () => ({ side: 'up', after: 400, how: 'cut' }) }
    expect(await failing('/', 'b'.repeat(1_000))).toBe('ECONNRESET')
    await vi.waitFor(() => expect(reached).toHaveLength(1))
    expect(reached[0]?.whole).toBe(false)
    expect(reached[0]?.body.length ?? 0).toBeLessThan(400)
  })

  test('resets: the client is not told an end but an error', async () => {
    proxy.weather = { fault: () => ({ side: 'down', after: 0, how: 'reset' }) }
    const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await once(socket.resume(), 'end').catch(error => error.code)).toBe('ECONNRESET')
  })

  test('refuses and stalls whole connections by their number', async () => {
    proxy.weather = { admit: connection => (['refuse', 'stall'] as const)[connection] ?? 'pass' }
    expect(await failing('/')).toBe('ECONNRESET')
    const silent = connect(Number(new URL(proxy.url).port), '127.0.0.1')
    silent.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await vi.waitFor(() => expect(proxy.accepted).toBe(2))
    expect(await ask('/')).toBe('answer')
    expect(reached).toHaveLength(1)
    expect(silent.closed).toBe(false)
    silent.destroy()
  })

  test('stalls in the middle of an answer and hangs up on nobody', async () => {
    let ended = false
    answer = (_, response) => {
      response.on('close', () => {
        ended = true
      })
      response.end('a'.repeat(100))
    }
    proxy.weather = { fault: () => ({ side: 'down', after: 60, how: 'stall' }) }
    const socket: Socket = connect(Number(new URL(proxy.url).port), '127.0.0.1').setEncoding('latin1')
    let heard = ''
    socket.on('data', text => {
      heard += text
    })
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await vi.waitFor(() => expect(ended).toBe(true))
    await vi.waitFor(() => expect(heard).toHaveLength(60))
    expect(socket.closed).toBe(false)
    socket.destroy()
  })

  test('holds an event stream back until it ends, and nothing else', async () => {
    proxy.weather = { holdEvents: 10_000 }
    let end = () => {}
    answer = (asked, response) => {
      if (asked.url !== '/events') return void response.end('at once')
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n')
      end = () => response.end('data: 2\n\n')
    }
    const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1').setEncoding('latin1')
    let heard = ''
    socket.on('data', text => {
      heard += text
    })
    socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
    await vi.waitFor(() => expect(reached[0]?.whole).toBe(true))
    expect(await ask('/other')).toBe('at once')
    expect(heard).toBe('')
    end()
    await vi.waitFor(() => expect(heard).toContain('data: 2'))
    expect(heard).toContain('data: 1')
    expect(proxy.underWay).toEqual([])
    socket.destroy()
  })

  test('passes held events on when there are so many bytes of them', async () => {
    proxy.weather = { holdEvents: 1_000 }
    answer = (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' })
      response.write(`data: ${'x'.repeat(1_500)}\n\n`)
    }
    const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1').setEncoding('latin1')
    let heard = ''
    socket.on('data', text => {
      heard += text
    })
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await vi.waitFor(() => expect(heard.length).toBeGreaterThan(1_500))
    socket.destroy()
  })

  test('resets those who come while the service is away, and finds it when it is back', async () => {
    const { port } = service.address() as AddressInfo
    await new Promise(resolve => service.close(resolve))
    expect(await failing('/')).toBe('ECONNRESET')
    await new Promise<void>(resolve => service.listen(port, '127.0.0.1', resolve))
    proxy.weather = fairWeather
    expect(await ask('/')).toBe('answer')
  })
})
