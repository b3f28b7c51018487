import { createParser } from 'eventsource-parser'
import {
  ContentType,
  ErrorCode,
  Header,
  Live,
  Path,
  Present,
  Query,
  Sentinel,
  SseEvent,
} from '../../../protocol/index.ts'
import type { Arena } from '../arena.ts'
import { Finding } from '../finding.ts'
import { codeOf } from '../judgement.ts'
import { encodeRequest, get, latin1, post, producer, put, remove, withQuery } from '../request.ts'
import { type Answer, header, type Wire } from '../wire.ts'

/** A stream as its writer knows it. */
interface Model {
  readonly target: string
  /** Counts its incarnations. */
  life: number
  state: 'absent' | 'open' | 'closed' | 'soft'
  content: Buffer
  /** Bytes before each offset that was answered. */
  tokens: Map<string, number>
  producers: Map<string, { epoch: number; seq: number }>
  lastSeq: number
  source: Model | undefined
  forks: number
}

const fresh = (target: string, life = 0): Model => ({
  target,
  life,
  state: 'absent',
  content: Buffer.alloc(0),
  tokens: new Map(),
  producers: new Map(),
  lastSeq: -1,
  source: undefined,
  forks: 0,
})

/** A live reader, and what it must hear. */
interface Follower {
  readonly wire: Wire
  readonly model: Model
  readonly life: number
  readonly from: number
}

/** Programs over a few streams, valid steps among invalid ones, and a model that knows the answer to each. */
export const programs = async (arena: Arena): Promise<void> => {
  await new Program(arena).run()
}

class Program {
  readonly #arena: Arena
  readonly #models: readonly Model[]
  readonly #followers: Follower[] = []
  #count = 0

  constructor(arena: Arena) {
    this.#arena = arena
    this.#models = [fresh(arena.stream()), fresh(arena.stream()), fresh(arena.stream())]
  }

  async run(): Promise<void> {
    const { choices } = this.#arena
    for (let left = choices.whole(2, 20); left > 0; left--) {
      const model = choices.anyOf(this.#models)
      if (!model) return
      if (model.state === 'absent' && choices.happens(70)) await this.#create(model)
      else await this.#step(model)
    }
    for (const follower of this.#followers.splice(0)) await this.#heard(follower)
    for (const model of this.#models) await this.#check(model)
  }

  async #step(model: Model): Promise<void> {
    const { choices } = this.#arena
    switch (
      choices.weighted({
        append: 8,
        batch: 8,
        sequence: 2,
        type: 1,
        close: 2,
        create: 2,
        fork: 3,
        remove: 2,
        read: 4,
        follow: 3,
        wait: 1,
        hear: 2,
        brief: 1,
      })
    ) {
      case 'append':
        return this.#append(model)
      case 'batch':
        return this.#batch(model)
      case 'sequence':
        return this.#sequence(model)
      case 'type':
        return this.#wrongType(model)
      case 'close':
        return this.#close(model)
      case 'create':
        return this.#create(model)
      case 'fork':
        return this.#fork(model)
      case 'remove':
        return this.#remove(model)
      case 'read':
        return this.#read(model)
      case 'follow':
        return this.#follow(model)
      case 'wait':
        return this.#wait(model)
      case 'hear': {
        const follower = this.#followers.shift()
        if (!follower) return
        if (choices.happens(50)) return this.#heard(follower)
        return this.#arena.drop(follower.wire)
      }
      case 'brief':
        return this.#brief()
    }
  }

  /** A stream whose time is over when it begins, and another in its place. */
  async #brief(): Promise<void> {
    const arena = this.#arena
    const target = arena.stream()
    const lifetime = arena.choices.oneOf([
      [Header.ttl, '0'],
      [Header.expiresAt, '2001-01-01T00:00:00Z'],
    ] as const)
    const { headers = [], ...request } = put(target, ContentType.binary, this.#line())
    this.#expect(await arena.ask({ ...request, headers: [...headers, lifetime] }), 201, 'creating a stream')
    this.#expect(
      await arena.ask(get(target, { [Query.offset]: Sentinel.start })),
      404,
      'reading what is over',
    )
    this.#expect(await arena.ask(put(target, ContentType.binary)), 201, 'creating a stream in its place')
    const content = await arena.whole(target)
    if (content.length > 0) throw new Finding('Z6', 'a new stream holds bytes of one whose time was over')
  }

  #line(): Buffer {
    return latin1(`${this.#count++} ${'x'.repeat(this.#arena.choices.oneOf([0, 1, 100, 3000]))}\n`)
  }

  #expect(answer: Answer, status: number, what: string): boolean {
    this.#arena.expect(answer, [status], 'Z13', `${what} is not answered ${status}`)
    return status < 300
  }

  /** What a request for a stream in its state is answered, when that alone decides. */
  #absent({ state }: Model): number | undefined {
    return state === 'absent' ? 404 : state === 'soft' ? 410 : undefined
  }

  #grew(model: Model, answer: Answer, ...added: readonly Buffer[]): void {
    model.content = Buffer.concat([model.content, ...added])
    const next = header(answer, Header.nextOffset)
    if (next === undefined) throw new Finding('Z13', 'an answer does not say where the stream ends')
    model.tokens.set(next, model.content.length)
  }

  async #create(model: Model): Promise<void> {
    const { choices } = this.#arena
    const closed = choices.happens(10)
    const body = choices.happens(40) ? this.#line() : undefined
    const { headers = [], ...request } = put(model.target, ContentType.binary, body)
    const answer = await this.#arena.ask({
      ...request,
      headers: closed ? [...headers, [Header.closed, Present]] : headers,
    })
    if (model.state === 'absent') {
      this.#expect(answer, 201, 'creating a stream')
      Object.assign(model, fresh(model.target, model.life + 1), { state: closed ? 'closed' : 'open' })
      this.#grew(model, answer, ...(body ? [body] : []))
    } else if (model.state === 'soft' || model.source || closed !== (model.state === 'closed'))
      this.#expect(answer, 409, 'creating another stream over one')
    else this.#expect(answer, 200, 'creating a stream again')
  }

  async #fork(model: Model): Promise<void> {
    const { choices } = this.#arena
    const source = choices.anyOf(this.#models.filter(({ state }) => state === 'open' || state === 'closed'))
    if (!source || source === model || model.state !== 'absent') return
    const [token = '', length = 0] = choices.anyOf([...source.tokens]) ?? []
    const isWhole = choices.happens(40)
    const path = source.target.startsWith(Path.streams) ? source.target : ''
    const fields: [string, string][] = [
      ['Content-Type', ContentType.binary],
      [Header.forkedFrom, path],
    ]
    if (!isWhole) fields.push([Header.forkOffset, token])
    const answer = await this.#arena.ask({ method: 'PUT', target: model.target, headers: fields })
    this.#expect(answer, 201, 'forking a stream')
    Object.assign(model, fresh(model.target, model.life + 1), { state: 'open', source })
    source.forks++
    const at = isWhole ? source.content.length : length
    this.#grew(model, answer, source.content.subarray(0, at))
    for (const [known, before] of source.tokens) if (before <= at) model.tokens.set(known, before)
  }

  async #append(model: Model): Promise<void> {
    const line = this.#line()
    const answer = await this.#arena.ask(post(model.target, line))
    const status = this.#absent(model) ?? (model.state === 'closed' ? 409 : 204)
    if (this.#expect(answer, status, 'an append')) this.#grew(model, answer, line)
  }

  async #batch(model: Model): Promise<void> {
    const { choices } = this.#arena
    const id = choices.oneOf(['p', 'q', '__proto__'])
    const seen = model.producers.get(id)
    const epoch = Math.max(0, (seen?.epoch ?? 0) + choices.oneOf([0, 0, 0, 1, -1]))
    const expected = seen && epoch === seen.epoch ? seen.seq + 1 : 0
    const seq = Math.max(0, expected + choices.oneOf([0, 0, 0, -1, 1, 5]))
    const line = this.#line()
    const answer = await this.#arena.ask(
      post(model.target, line, ContentType.binary, producer(id, epoch, seq)),
    )
    const status = this.#absent(model) ?? this.#verdict(model, seen, epoch, seq)
    if (status === undefined) return
    this.#expect(answer, status, `batch ${epoch}/${seq} after ${seen ? `${seen.epoch}/${seen.seq}` : 'none'}`)
    if (status !== 200) return
    this.#grew(model, answer, line)
    model.producers.set(id, { epoch, seq })
  }

  /** PROTOCOL 5.2.1, as BAD-INPUTS 15 to 22 read it; undefined where they leave it open. */
  #verdict(
    { state }: Model,
    seen: { epoch: number; seq: number } | undefined,
    epoch: number,
    seq: number,
  ): number | undefined {
    if (seen && epoch < seen.epoch) return 403
    if (state === 'closed') return 409
    if (!seen) return epoch > 0 && seq > 0 ? 400 : seq > 0 ? 409 : 200
    if (epoch > seen.epoch) return seq === 0 ? 200 : 400
    return seq <= seen.seq ? 204 : seq === seen.seq + 1 ? 200 : 409
  }

  async #sequence(model: Model): Promise<void> {
    const { choices } = this.#arena
    const seq = Math.max(0, model.lastSeq + choices.oneOf([1, 2, 0, -1]))
    const line = this.#line()
    const answer = await this.#arena.ask(
      post(model.target, line, ContentType.binary, [[Header.seq, String(seq).padStart(8, '0')]]),
    )
    const status = this.#absent(model) ?? (model.state === 'closed' || seq <= model.lastSeq ? 409 : 204)
    if (!this.#expect(answer, status, 'an append with a sequence')) return
    this.#grew(model, answer, line)
    model.lastSeq = seq
  }

  async #wrongType(model: Model): Promise<void> {
    const answer = await this.#arena.ask(post(model.target, this.#line(), 'text/plain'))
    this.#expect(answer, this.#absent(model) ?? 409, 'an append of another type')
  }

  async #close(model: Model): Promise<void> {
    const line = this.#arena.choices.happens(50) ? this.#line() : Buffer.alloc(0)
    const answer = await this.#arena.ask(
      post(model.target, line, ContentType.binary, [[Header.closed, Present]]),
    )
    const status = this.#absent(model) ?? (model.state === 'closed' && line.length > 0 ? 409 : 204)
    if (!this.#expect(answer, status, 'closing a stream')) return
    if (model.state === 'open') this.#grew(model, answer, line)
    model.state = 'closed'
  }

  async #remove(model: Model): Promise<void> {
    const answer = await this.#arena.ask(remove(model.target))
    if (!this.#expect(answer, this.#absent(model) ?? 204, 'removing a stream')) return
    if (model.forks > 0) model.state = 'soft'
    else this.#released(model)
  }

  /** A source that was kept only for its forks goes with the last one. */
  #released(model: Model): void {
    const { source, target } = model
    Object.assign(model, fresh(target, model.life + 1))
    if (!source) return
    source.forks--
    if (source.forks === 0 && source.state === 'soft') this.#released(source)
  }

  async #read(model: Model): Promise<void> {
    const [token = Sentinel.start, before = 0] = this.#arena.choices.anyOf([...model.tokens]) ?? []
    const answer = await this.#arena.ask(get(model.target, { [Query.offset]: token }))
    const status = this.#absent(model)
    if (status !== undefined) return void this.#expect(answer, status, 'reading what is not there')
    this.#expect(answer, 200, 'reading from an offset')
    if (!answer.body.equals(model.content.subarray(before)))
      throw new Finding('Z6', `from ${token} come other bytes`)
  }

  async #follow(model: Model): Promise<void> {
    const { choices } = this.#arena
    const [token, from] = choices.anyOf([...model.tokens]) ?? [Sentinel.tail, model.content.length]
    const wire = await this.#arena.open()
    const request = {
      method: 'GET',
      target: withQuery(model.target, { [Query.offset]: token, [Query.live]: Live.sse }),
    }
    this.#arena.write(wire, encodeRequest(request))
    const answer = await this.#arena.answerOrHead(wire, 'GET')
    if (answer === 'ended') throw new Finding('Z1', 'a live read was not answered: the connection ended')
    const status = this.#absent(model)
    if (status !== undefined) {
      this.#expect(answer, status, 'following what is not there')
      return this.#arena.close(wire)
    }
    if (codeOf(answer) === ErrorCode.tooManyReaders) return this.#arena.close(wire)
    this.#expect(answer, 200, 'following from an offset')
    this.#followers.push({ wire, model, life: model.life, from })
  }

  /** A long-poll at the tail, and what comes in the meantime. */
  async #wait(model: Model): Promise<void> {
    if (model.state !== 'open') return
    const [[token, before] = ['', 0]] = [...model.tokens].filter(
      ([, length]) => length === model.content.length,
    )
    const wire = await this.#arena.open()
    const request = {
      method: 'GET',
      target: withQuery(model.target, { [Query.offset]: token, [Query.live]: Live.longPoll }),
    }
    this.#arena.write(wire, encodeRequest(request))
    if (this.#arena.choices.happens(60)) await this.#append(model)
    const answer = await this.#arena.answer(wire, 'GET')
    if (answer === 'ended') throw new Finding('Z1', 'a long-poll was not answered: the connection ended')
    if (codeOf(answer) === ErrorCode.tooManyReaders) return this.#arena.close(wire)
    const since = model.content.subarray(before)
    // The wait may have been over before the append.
    this.#arena.expect(answer, since.length > 0 ? [200, 204] : [204], 'Z13', 'a long-poll has another end')
    if (answer.status === 200 && !answer.body.equals(since))
      throw new Finding('Z6', 'a long-poll brings other bytes')
    this.#arena.close(wire)
  }

  /** A follower hears what follows its offset, in order, as far as its answer goes. */
  async #heard({ wire, model, life, from }: Follower): Promise<void> {
    const expected = model.content.subarray(from)
    let heard: Buffer = Buffer.alloc(0)
    const parser = createParser({
      onEvent: ({ event, data }) => {
        if (event === SseEvent.data) heard = Buffer.concat([heard, Buffer.from(data, 'base64')])
      },
    })
    const isThere = model.life === life && (model.state === 'open' || model.state === 'closed')
    while (!isThere || heard.length < expected.length) {
      const chunk = await wire.chunk()
      if (chunk === undefined || chunk === 'ended') break
      parser.feed(chunk.toString('latin1'))
    }
    this.#arena.drop(wire)
    if (isThere && !expected.subarray(0, heard.length).equals(heard))
      throw new Finding('Z6', 'a follower hears other bytes')
  }

  async #check(model: Model): Promise<void> {
    if (model.state !== 'open' && model.state !== 'closed') return
    const content = await this.#arena.whole(model.target)
    if (!content.equals(model.content))
      throw new Finding(
        'Z6',
        `the stream holds ${content.length} bytes, acknowledged were ${model.content.length}`,
      )
  }
}
