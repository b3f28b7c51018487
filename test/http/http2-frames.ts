import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { vi } from 'vitest'

/** RFC 9113 6. */
export const Kind = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const Flag = { endStream: 1, ack: 1, endHeaders: 4 } as const

/** RFC 9113 6.5.2. */
export const Setting = { maxStreams: 3, initialWindow: 4 } as const

/** RFC 9113 7. */
export const Reason = { none: 0, protocol: 1, refused: 7, cancel: 8, calm: 11 } as const

export interface Frame {
  readonly kind: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

const patience = { timeout: 20_000, interval: 5 }

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export const frame = (
  kind: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(kind, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

const number32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export const resetFrame = (stream: number, reason: number): Buffer =>
  frame(Kind.reset, 0, stream, number32(reason))

/** Room for so many more bytes: on one stream, or for 0 on the connection. */
export const roomFrame = (stream: number, bytes: number): Buffer =>
  frame(Kind.windowUpdate, 0, stream, number32(bytes))

/** A setting is its number and its value. */
export const settingsFrame = (...settings: readonly (readonly [number, number])[]): Buffer =>
  frame(
    Kind.settings,
    0,
    0,
    Buffer.concat(
      settings.map(([name, value]) => Buffer.concat([Buffer.from([name >> 8, name & 255]), number32(value)])),
    ),
  )

/** RFC 7541 5.1, above a prefix of seven bits. */
const integer = (value: number): Buffer => {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  for (let rest = value - 127; ; rest >>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest & 127) | 128)
  }
}

/** A header block without indexing or compression. */
export const headerBlock = (headers: Readonly<Record<string, string>>): Buffer =>
  Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [
      Buffer.from([0]),
      integer(Buffer.byteLength(name)),
      Buffer.from(name),
      integer(Buffer.byteLength(value)),
      Buffer.from(value),
    ]),
  )

export const requestBlock = (
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Buffer =>
  headerBlock({ ':method': method, ':scheme': 'https', ':authority': 'localhost', ':path': path, ...headers })

/** HTTP/2 by hand, over TLS: what a library would not send, and what exactly came back. */
export class RawSession {
  readonly socket: TLSSocket
  readonly frames: Frame[] = []
  /** Resolves when the other side has ended the connection, properly or not. */
  readonly closed: Promise<void>
  #rest = Buffer.alloc(0)

  private constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('data', chunk => this.#take(chunk))
    socket.on('error', () => undefined)
    this.closed = new Promise(resolve => socket.once('close', () => resolve()))
  }

  /** Connected, with nothing said yet. */
  static async connect(url: string): Promise<RawSession> {
    const { hostname, port } = new URL(url)
    const socket = connect({
      host: hostname,
      port: Number(port),
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
    })
    await once(socket, 'secureConnect')
    return new RawSession(socket)
  }

  /** Connected and introduced. */
  static async open(url: string, ...settings: readonly (readonly [number, number])[]): Promise<RawSession> {
    const session = await RawSession.connect(url)
    session.send(preface, settingsFrame(...settings))
    return session
  }

  send(...bytes: readonly Uint8Array[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(bytes))
  }

  /** @throws Error when it does not come */
  until(fits: (frame: Frame) => boolean): Promise<Frame> {
    return vi.waitUntil(() => this.frames.find(fits), patience)
  }

  /** The RST_STREAM code of a stream. */
  async resetOf(stream: number): Promise<number> {
    const found = await this.until(({ kind, stream: id }) => kind === Kind.reset && id === stream)
    return found.payload.readUInt32BE(0)
  }

  /** The code of a GOAWAY. */
  async goaway(): Promise<number> {
    return (await this.until(({ kind }) => kind === Kind.goaway)).payload.readUInt32BE(4)
  }

  /** What came on a stream so far. */
  textOf(stream: number): string {
    const data = this.frames.filter(({ kind, stream: id }) => kind === Kind.data && id === stream)
    return Buffer.concat(data.map(({ payload }) => payload)).toString('latin1')
  }

  /** Whether a stream has ended properly. */
  isWhole(stream: number): boolean {
    return this.frames.some(
      ({ kind, flags, stream: id }) =>
        id === stream && (kind === Kind.data || kind === Kind.headers) && (flags & Flag.endStream) !== 0,
    )
  }

  /** Sends a whole request without a body, or the head of one with. */
  ask(
    stream: number,
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    more = false,
  ): void {
    const flags = Flag.endHeaders | (more ? 0 : Flag.endStream)
    this.send(frame(Kind.headers, flags, stream, requestBlock(method, path, headers)))
  }

  /** Resolves when the server has taken all that was sent before. */
  async roundTrip(): Promise<void> {
    const seen = this.frames.length
    this.send(frame(Kind.ping, 0, 0, Buffer.alloc(8)))
    await vi.waitUntil(
      () => this.frames.slice(seen).some(({ kind, flags }) => kind === Kind.ping && flags === Flag.ack),
      patience,
    )
  }

  close(): void {
    this.socket.destroy()
  }

  #take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    for (;;) {
      if (this.#rest.length < 9) return
      const end = 9 + this.#rest.readUIntBE(0, 3)
      if (this.#rest.length < end) return
      this.frames.push({
        kind: this.#rest.readUInt8(3),
        flags: this.#rest.readUInt8(4),
        stream: this.#rest.readUInt32BE(5) & 0x7fffffff,
        payload: this.#rest.subarray(9, end),
      })
      this.#rest = this.#rest.subarray(end)
    }
  }
}
