import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Finding } from './finding.ts'

/** The head of an answer. Header names in lower case, each with its values in order. */
export interface Head {
  readonly status: number
  readonly headers: ReadonlyMap<string, readonly string[]>
}

export interface Answer extends Head {
  readonly body: Buffer
}

/** How long anything may take on a machine that is busy with other work too. */
export const patienceMs = 15_000

const statusLine = /^HTTP\/1\.1 ([1-5]\d\d)( [\t\x20-\x7e\x80-\xff]*)?$/
const headerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*((?:[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?)$/

const bad = (message: string): Finding => new Finding('Z2', message)

/** One value of a header, or undefined. @throws Finding Z2 when there are several */
export const header = ({ headers }: Head, name: string): string | undefined => {
  const values = headers.get(name.toLowerCase()) ?? []
  if (values.length > 1) throw bad(`two ${name} headers in one answer`)
  return values[0]
}

/** HTTP/1.1 by hand: any bytes go out, and what comes back is read with no tolerance at all. */
export class Wire {
  readonly #socket: Socket
  #buffer: Buffer = Buffer.alloc(0)
  #over = false
  #isLast = false
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
      this.#wake?.()
    })
    const over = () => {
      this.#over = true
      this.#wake?.()
    }
    socket.once('end', over)
    socket.once('close', over)
    socket.on('error', over)
  }

  /** @throws Finding Z10 when nobody listens */
  static async open(port: number): Promise<Wire> {
    // Half-open, so that a client that says it is done can still be answered.
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    try {
      await once(socket, 'connect')
    } catch (cause) {
      throw new Finding('Z10', 'the server takes no connections', { cause })
    }
    return new Wire(socket)
  }

  /** Whether another request can be sent: the other side is there and has said nothing that nobody asked for. */
  get isIdle(): boolean {
    return !this.#over && !this.#isLast && this.#buffer.length === 0
  }

  write(bytes: Uint8Array): void {
    if (!this.#socket.destroyed && !this.#socket.writableEnded) this.#socket.write(bytes)
  }

  /** Sends everything so far on its way before more is written, as far as a program can. */
  async pushed(): Promise<void> {
    if (this.#socket.destroyed) return
    await new Promise<void>(resolve => {
      setImmediate(resolve)
    })
  }

  /** Nothing more will be sent; answers are still taken. */
  endWriting(): void {
    this.#socket.end()
  }

  drop(): void {
    this.#socket.destroy()
  }

  /** Drops without a farewell, so that the other side reads a reset. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  /** Whether the other side said anything, or left, within `ms`. */
  async spoke(ms: number): Promise<boolean> {
    if (this.#over || this.#buffer.length > 0) return true
    return await new Promise<boolean>(resolve => {
      const timer = setTimeout(() => resolve(false), ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
    }).finally(() => {
      this.#wake = undefined
    })
  }

  /** The next answer, interim ones left out, or `ended` when the connection ended instead. */
  async answer(method: string, withinMs = patienceMs): Promise<Answer | 'ended'> {
    const deadline = Date.now() + withinMs
    const head = await this.head(deadline)
    if (head === 'ended') return 'ended'
    return { ...head, body: await this.bodyOf(method, head, deadline) }
  }

  /** @param deadline in ms since 1970 */
  async head(deadline = Date.now() + patienceMs): Promise<Head | 'ended'> {
    for (;;) {
      const first = await this.#line(deadline, true)
      if (first === undefined) return 'ended'
      const status = Number(statusLine.exec(first)?.[1])
      if (Number.isNaN(status)) throw bad(`the answer begins with ${JSON.stringify(first.slice(0, 200))}`)
      const headers = await this.#headers(deadline)
      if (status < 200 && status !== 101) continue
      const head = { status, headers }
      this.#isLast ||= /\bclose\b/i.test(header(head, 'connection') ?? '')
      return head
    }
  }

  /** The next chunk of a chunked answer; undefined when that is over, `ended` when the connection ended before. */
  async chunk(deadline = Date.now() + patienceMs): Promise<Buffer | 'ended' | undefined> {
    const line = await this.#line(deadline, true)
    if (line === undefined) return 'ended'
    if (!/^[0-9a-fA-F]{1,8}$/.test(line))
      throw bad(`a chunk begins with ${JSON.stringify(line.slice(0, 80))}`)
    const length = Number.parseInt(line, 16)
    if (length === 0) {
      await this.#headers(deadline)
      return undefined
    }
    const data = await this.#take(length, deadline)
    if ((await this.#line(deadline)) !== '') throw bad('a chunk is longer than it says')
    return data
  }

  /** The rest of an answer whose head was taken. */
  async bodyOf(method: string, head: Head, deadline = Date.now() + patienceMs): Promise<Buffer> {
    const { status } = head
    const length = header(head, 'content-length')
    const coding = header(head, 'transfer-encoding')
    if (length !== undefined && coding !== undefined) throw bad('both Content-Length and Transfer-Encoding')
    if (length !== undefined && !/^\d+$/.test(length)) throw bad(`Content-Length: ${length}`)
    if (method === 'HEAD' || status === 204 || status === 304) {
      if (status === 204 && (coding !== undefined || length !== undefined)) throw bad('a 204 with a body')
      return Buffer.alloc(0)
    }
    if (coding !== undefined) {
      if (coding !== 'chunked') throw bad(`Transfer-Encoding: ${coding}`)
      const parts: Buffer[] = []
      for (;;) {
        const part = await this.chunk(deadline)
        if (part === 'ended') throw bad('the connection ended inside a chunked body')
        if (part === undefined) return Buffer.concat(parts)
        parts.push(part)
      }
    }
    if (length !== undefined) return this.#take(Number(length), deadline)
    if (!/close/i.test(header(head, 'connection') ?? '')) throw bad('a body whose length nobody told')
    for (;;) if (!(await this.#more(deadline))) return this.#cut(this.#buffer.length)
  }

  async #headers(deadline: number): Promise<Map<string, string[]>> {
    const headers = new Map<string, string[]>()
    for (;;) {
      const line = await this.#line(deadline)
      if (line === undefined) throw bad('the connection ended inside the headers')
      if (line === '') return headers
      const [, name, value = ''] = headerLine.exec(line) ?? []
      if (name === undefined) throw bad(`the header line ${JSON.stringify(line.slice(0, 200))}`)
      const key = name.toLowerCase()
      headers.set(key, [...(headers.get(key) ?? []), value.trimEnd()])
    }
  }

  /** The next line; undefined when the connection ended before its first byte, if it may. */
  async #line(deadline: number, mayEnd = false): Promise<string | undefined> {
    for (;;) {
      const at = this.#buffer.indexOf('\r\n')
      if (at >= 0) {
        const line = this.#cut(at).toString('latin1')
        this.#cut(2)
        return line
      }
      if (await this.#more(deadline)) continue
      if (mayEnd && this.#buffer.length === 0) return undefined
      throw bad(`the connection ended after ${JSON.stringify(this.#buffer.toString('latin1').slice(0, 200))}`)
    }
  }

  async #take(length: number, deadline: number): Promise<Buffer> {
    while (this.#buffer.length < length) {
      if (!(await this.#more(deadline))) {
        throw bad(`the connection ended ${length - this.#buffer.length} bytes before the end of an answer`)
      }
    }
    return this.#cut(length)
  }

  #cut(length: number): Buffer {
    const cut = this.#buffer.subarray(0, length)
    this.#buffer = this.#buffer.subarray(length)
    return cut
  }

  /** @returns false when nothing more will come. @throws Finding Z1 when nothing comes in time */
  async #more(deadline: number): Promise<boolean> {
    if (this.#over) return false
    const before = this.#buffer
    const left = deadline - Date.now()
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Finding('Z1', 'no answer in time')), Math.max(0, left))
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    }).finally(() => {
      this.#wake = undefined
    })
    return this.#buffer !== before || !this.#over
  }
}
