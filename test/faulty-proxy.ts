import { type AddressInfo, createServer, type Server, Socket } from 'node:net'
import { setTimeout as pass } from 'node:timers/promises'

/** One request as the proxy saw it: what comes up after something came down, or first of all. Nobody pipelines here. */
export interface Asked {
  /** Which of the proxy's connections, counted from 0. */
  readonly connection: number
  /** Which request of that connection, counted from 0. */
  readonly request: number
  /** `POST /v1/… HTTP/1.1`, as far as it came in one piece. */
  readonly line: string
}

/** In place of the byte number `after` of a request (`up`) or of its answer (`down`), counted from 0, and of all that follow. */
export interface Fault {
  readonly side: Side
  readonly after: number
  /** `cut`: both ends are told that the other hung up. `reset`: RST. `stall`: nothing, and nobody hangs up. */
  readonly how: 'cut' | 'reset' | 'stall'
}

/** A request and how much of its answer went to the client so far, head and all. */
export interface Exchange extends Asked {
  readonly bytes: number
}

/** What the network is like. It may change at any time, for the connections there are as well. */
export interface Weather {
  /** Milliseconds that everything spends on its way. */
  readonly delayMs?: Readonly<Record<Side, number>>
  /** Asked for each connection: `refuse` resets it at once, `stall` accepts it and says nothing. */
  readonly admit?: (connection: number) => 'pass' | 'refuse' | 'stall'
  /** Asked for each request. */
  readonly fault?: (asked: Asked) => Fault | undefined
  /** Event streams are held back until they end or so many bytes of them have come, as a buffering proxy does. */
  readonly holdEvents?: number
}

type Side = 'up' | 'down'

export const fairWeather: Weather = {}

/** TCP before an HTTP/1.1 service, with faults that follow a script: which connection, which request, which byte. */
export class FaultyProxy {
  weather = fairWeather
  readonly #server: Server
  readonly #port: number
  readonly #crossings = new Set<Crossing>()
  readonly #exchanges: Exchange[] = []
  #accepted = 0

  private constructor(port: number) {
    this.#port = port
    this.#server = createServer(socket => this.#accept(socket))
  }

  /** @param port of the service on this machine, which need not be up */
  static async open(port: number): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(port)
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen(0, '127.0.0.1', resolve)
    })
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** How many connections were ever accepted. */
  get accepted(): number {
    return this.#accepted
  }

  /** Every request so far, in order. */
  get exchanges(): readonly Exchange[] {
    return this.#exchanges
  }

  /** The requests that have no whole answer yet, one per connection. */
  get underWay(): readonly Asked[] {
    return [...this.#crossings].flatMap(({ underWay }) => underWay ?? [])
  }

  /** Hangs up on everybody: the network is another one now. */
  hangUp(how: 'cut' | 'reset' = 'reset'): void {
    for (const crossing of this.#crossings) crossing.strike(how)
  }

  async close(): Promise<void> {
    this.hangUp()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    const connection = this.#accepted++
    const crossing = new Crossing(client, connection, () => this.weather, this.#exchanges)
    this.#crossings.add(crossing)
    void crossing.over.then(() => this.#crossings.delete(crossing))
    const welcome = this.weather.admit?.(connection) ?? 'pass'
    if (welcome === 'refuse') crossing.strike('reset')
    if (welcome === 'stall') client.resume().once('close', () => crossing.strike('reset'))
    if (welcome === 'pass') crossing.reach(this.#port)
  }
}

/** One connection through the proxy. */
class Crossing {
  /** Resolves when nothing of it is open any more. */
  readonly over: Promise<unknown>
  readonly #client: Socket
  readonly #service = new Socket()
  readonly #connection: number
  readonly #weather: () => Weather
  readonly #exchanges: Exchange[]
  #exchange: { -readonly [key in keyof Exchange]: Exchange[key] } | undefined
  #fault: Fault | undefined
  #passed = { up: 0, down: 0 }
  #stalled = { up: false, down: false }
  #held: Buffer[] | undefined
  /** How many bytes the answer has, where its head tells. */
  #size: number | undefined
  #answered = false

  constructor(client: Socket, connection: number, weather: () => Weather, exchanges: Exchange[]) {
    this.#client = client
    this.#connection = connection
    this.#weather = weather
    this.#exchanges = exchanges
    const both = [client, this.#service]
    for (const socket of both) socket.on('error', () => undefined)
    this.over = Promise.all(both.map(socket => new Promise(resolve => socket.once('close', resolve))))
  }

  /** The request that has no whole answer yet. */
  get underWay(): Asked | undefined {
    return this.#answered || this.#client.destroyed ? undefined : this.#exchange
  }

  reach(port: number): void {
    this.#service.connect({ port, host: '127.0.0.1' })
    this.#carry('up', this.#client, this.#service)
    this.#carry('down', this.#service, this.#client)
  }

  strike(how: Fault['how']): void {
    if (how === 'stall') return
    for (const socket of [this.#client, this.#service]) {
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroySoon()
    }
  }

  /** Everything keeps its order and its distance in time, also the end. */
  #carry(side: Side, from: Socket, to: Socket): void {
    let arrival = Promise.resolve()
    let onTheWay = 0
    const inOrder = (work: () => void) => {
      const delayMs = this.#weather().delayMs?.[side] ?? 0
      if (onTheWay === 0 && delayMs === 0) return work()
      onTheWay++
      const delay = pass(delayMs)
      arrival = arrival
        .then(() => delay)
        .then(() => {
          onTheWay--
          work()
        })
    }
    from.on('data', chunk => inOrder(() => this.#pass(side, chunk, to)))
    from.once('close', failed =>
      inOrder(() => {
        if (side === 'down') this.#release()
        // Who stalls does not tell the service that the client gave up, nor the client that the service did.
        if (this.#stalled[side]) return
        if (failed) to.resetAndDestroy()
        else to.destroySoon()
      }),
    )
  }

  #pass(side: Side, chunk: Buffer, to: Socket): void {
    if (to.destroyed || this.#stalled[side]) return
    if (side === 'up' && (!this.#exchange || this.#passed.down > 0)) this.#begin(chunk)
    if (side === 'down' && this.#passed.down === 0) this.#beginAnswer(chunk)
    const before = this.#passed[side]
    this.#passed[side] += chunk.length
    const fault = this.#fault?.side === side ? this.#fault : undefined
    const whole = !fault || this.#passed[side] <= fault.after
    this.#send(side, whole ? chunk : chunk.subarray(0, fault.after - before))
    if (whole) return
    this.#stalled[side] = true
    this.strike(fault.how)
  }

  #begin(chunk: Buffer): void {
    const [line = ''] = chunk.toString('latin1').split('\r\n', 1)
    const request = (this.#exchange?.request ?? -1) + 1
    this.#exchange = { connection: this.#connection, request, line, bytes: 0 }
    this.#exchanges.push(this.#exchange)
    this.#answered = false
    this.#passed = { up: 0, down: 0 }
    this.#fault = this.#weather().fault?.(this.#exchange)
  }

  #beginAnswer(chunk: Buffer): void {
    const [head = ''] = chunk.toString('latin1').split('\r\n\r\n', 1)
    const bodiless = /^HTTP\/1\.1 (204|304)/.test(head) || this.#exchange?.line.startsWith('HEAD ')
    const body = bodiless ? '0' : /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    this.#size = body === undefined ? undefined : head.length + 4 + Number(body)
    const isEvents = /\r\ncontent-type: *text\/event-stream/i.test(head)
    this.#held = isEvents && this.#weather().holdEvents !== undefined ? [] : undefined
  }

  #send(side: Side, bytes: Buffer): void {
    if (side === 'up') return void this.#service.write(bytes)
    if (this.#exchange) this.#exchange.bytes += bytes.length
    this.#answered =
      this.#size === undefined
        ? bytes.subarray(-lastChunk.length).equals(lastChunk)
        : this.#passed.down >= this.#size
    if (!this.#held) return void this.#client.write(bytes)
    this.#held.push(bytes)
    const size = this.#held.reduce((sum, { length }) => sum + length, 0)
    if (this.#answered || size >= (this.#weather().holdEvents ?? 0)) this.#release()
  }

  /** What was held back goes on its way. */
  #release(): void {
    if (!this.#held) return
    this.#client.write(Buffer.concat(this.#held))
    this.#held = this.#answered ? undefined : []
  }
}

/** How HTTP/1.1 ends an answer whose length it did not say. */
const lastChunk = Buffer.from('0\r\n\r\n')
