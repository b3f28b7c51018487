import { EventEmitter, once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** HTTP by hand: half requests, slow readers, and how exactly a connection ended. */
export class RawConnection {
  readonly #socket: Socket
  readonly #heard = new EventEmitter()
  #chunks: Buffer[] = []
  #end: 'ended' | 'reset' | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => {
      this.#chunks.push(chunk)
      this.#heard.emit('more')
    })
    socket.once('end', () => this.#over('ended'))
    socket.once('error', () => this.#over('reset'))
    socket.once('close', () => this.#over('reset'))
  }

  /** @throws Error with `code` ECONNREFUSED when nobody listens there */
  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    return new RawConnection(socket)
  }

  /** `undefined` until the other side has ended the connection, properly or not. */
  get end(): 'ended' | 'reset' | undefined {
    return this.#end
  }

  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0] ?? Buffer.alloc(0)
  }

  get text(): string {
    return this.bytes.toString('latin1')
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Takes nothing more until `resume`. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.destroy()
  }

  /** Everything heard, once it matches. @throws Error when the connection ends without */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.#end) throw new Error(`the connection ${this.#end} without ${pattern}:\n${this.text}`)
      await once(this.#heard, 'more')
    }
    return this.text
  }

  /** Everything heard until the other side ended the connection. */
  async untilEnd(): Promise<{ readonly text: string; readonly end: 'ended' | 'reset' }> {
    for (;;) {
      if (this.#end) return { text: this.text, end: this.#end }
      await once(this.#heard, 'more')
    }
  }

  #over(end: 'ended' | 'reset'): void {
    this.#end ??= end
    this.#heard.emit('more')
  }
}

/** The head of a request. */
export const request = (line: string, headers: Readonly<Record<string, string | number>> = {}): string =>
  [
    `${line} HTTP/1.1`,
    'Host: server',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '\r\n',
  ].join('\r\n')

/** A POST whose head the server has, and of whose body it has nothing yet. */
export const openPost = async (
  url: string,
  path: string,
  headers: Readonly<Record<string, string | number>>,
): Promise<RawConnection> => {
  const connection = await RawConnection.open(url)
  connection.send(request(`POST ${path}`, { ...headers, Expect: '100-continue' }))
  await connection.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/) // the answer of a handler that waits for the body
  return connection
}

/** The last answer in what a connection heard: status, head in lower case, body. */
export const answerOf = (text: string): { status: number; head: string; body: string } => {
  const start = text.lastIndexOf('HTTP/1.1 ')
  const split = text.indexOf('\r\n\r\n', start)
  return {
    status: Number(text.slice(start + 9, start + 12)),
    head: text.slice(start, split).toLowerCase(),
    body: text.slice(split + 4),
  }
}
