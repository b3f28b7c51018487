import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type SecureClientSessionOptions,
} from 'node:http2'
import { vi } from 'vitest'
import { ContentType } from '../../protocol/index.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** One stream as its client sees it. */
export class Asking {
  readonly stream: ClientHttp2Stream
  /** Everything heard so far. */
  text = ''
  /** The RST_STREAM code once it is over, 0 when it ended well. */
  readonly over: Promise<number>
  readonly #head: Promise<Readonly<Record<string, unknown>>>

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream
    stream.setEncoding('latin1')
    stream.on('data', chunk => {
      this.text += chunk
    })
    stream.on('error', () => undefined)
    this.over = new Promise(resolve => stream.once('close', () => resolve(stream.rstCode)))
    this.#head = new Promise((resolve, reject) => {
      stream.once('response', resolve)
      stream.once('close', () =>
        reject(new Error(`the stream was reset without an answer: ${stream.rstCode}`)),
      )
    })
    this.#head.catch(() => undefined)
  }

  /** @throws Error when it is reset before there is one */
  get head(): Promise<Readonly<Record<string, unknown>>> {
    return this.#head
  }

  async status(): Promise<number> {
    return Number((await this.#head)[':status'])
  }

  async answer(): Promise<Answer> {
    const headers = await this.#head
    await this.over
    return { status: Number(headers[':status']), headers, text: this.text }
  }

  async until(words: string | RegExp): Promise<string> {
    await vi.waitFor(
      () => {
        if (this.text.match(words) === null) throw new Error(`not heard yet: ${words}\n${this.text}`)
      },
      { timeout: 20_000, interval: 5 },
    )
    return this.text
  }
}

/** An HTTP/2 client. What it opened is closed by `close`. */
export class Client {
  readonly session: ClientHttp2Session
  readonly closed: Promise<void>

  private constructor(session: ClientHttp2Session) {
    this.session = session
    session.on('error', () => undefined)
    this.closed = new Promise(resolve => session.once('close', () => resolve()))
  }

  static async open(url: string, options: SecureClientSessionOptions = {}): Promise<Client> {
    const client = new Client(connect(url, { rejectUnauthorized: false, ...options }))
    await once(client.session, 'connect')
    return client
  }

  /** A request whose body, where it has one, is still to be sent. */
  begin(path: string, { method = 'POST', headers = {} }: Asked = {}): Asking {
    const type = method === 'GET' ? {} : { 'content-type': ContentType.binary }
    return new Asking(
      this.session.request({ ':path': path, ':method': method, ...type, ...headers }, { endStream: false }),
    )
  }

  ask(path: string, { body, ...asked }: Asked = {}): Asking {
    const asking = this.begin(path, { method: body === undefined ? 'GET' : 'POST', ...asked })
    asking.stream.end(body)
    return asking
  }

  close(): Promise<void> {
    this.session.destroy()
    return this.closed
  }
}
