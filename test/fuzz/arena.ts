import { randomInt } from 'node:crypto'
import { ContentType, Header, Path, Query, Sentinel } from '../../protocol/index.ts'
import type { Choices } from './choices.ts'
import type { Connections } from './connections.ts'
import { escaped } from './escaped.ts'
import { Finding, type Rule } from './finding.ts'
import { checkAnswer, codeOf } from './judgement.ts'
import { encodeRequest, from, get, type Request, remove } from './request.ts'
import { type Answer, header, type Wire } from './wire.ts'
import type { YjsReader } from './yjs-reader.ts'

/** What an execution did and what came of it, in the order in which it happened. */
export interface Line {
  readonly connection: number
  readonly way: '>' | '<' | '-'
  readonly text: string
}

/** How many answers of each hundred there were. */
export interface Tally {
  answered: Record<string, number>
  slowestMs: number
}

export interface Surroundings {
  readonly connections: Connections
  readonly reader: YjsReader
  readonly tally: Tally
  /** Bytes of a request body that the server takes. */
  readonly bodyBytes: number
  /** Bytes of log at which it makes a snapshot. */
  readonly compactBytes: number
  readonly readersPerStream: number
  /** Told of each line as it is written. */
  readonly watch: (line: Line) => void
}

/** Longer than the server needs to answer what it can answer, most of the time. */
const hesitationMs = 300

/** What one execution has to act with: its choices, the server, names of its own, and a record of what it did. */
export class Arena {
  readonly choices: Choices
  readonly around: Surroundings
  readonly lines: Line[] = []
  readonly #wires = new Map<Wire, number>()
  readonly #open = new Set<Wire>()
  readonly #made = new Set<string>()
  readonly #prefix: string
  #names = 0

  constructor(choices: Choices, around: Surroundings) {
    this.choices = choices
    this.around = around
    // Always as long, so that what depends on the length of a name is the same every time.
    this.#prefix = randomInt(2 ** 32)
      .toString(36)
      .padStart(7, '0')
  }

  /** A stream nobody has used, removed in the end. */
  stream(): string {
    return this.#own(`${Path.streams}fuzz/${this.#prefix}-${this.#names++}`)
  }

  /** A document nobody has used, removed in the end. */
  document(): string {
    return this.#own(`${Path.yjs}fuzz/${Path.documents}/${this.#prefix}-${this.#names++}`)
  }

  /** A word that is in no other execution's names. */
  word(): string {
    return `${this.#prefix}-${this.#names++}`
  }

  /** A target that this execution may have created, removed in the end. */
  #own(target: string): string {
    this.#made.add(target)
    return target
  }

  /** A whole request and its answer. @throws Finding Z1 to Z5 */
  async ask(request: Request): Promise<Answer> {
    const wire = await this.open()
    const answer = await this.send(wire, encodeRequest(request), request.method)
    if (answer === 'ended')
      throw new Finding('Z1', `${request.method} was not answered: the connection ended`)
    this.close(wire)
    return answer
  }

  /** Bytes that may be no request at all, and the answer to them. @throws Finding Z1 to Z5 */
  async send(wire: Wire, bytes: Uint8Array, method: string): Promise<Answer | 'ended'> {
    this.write(wire, bytes)
    return this.answer(wire, method)
  }

  write(wire: Wire, bytes: Uint8Array): void {
    this.#note(wire, '>', escaped(bytes))
    wire.write(bytes)
  }

  async answer(wire: Wire, method: string): Promise<Answer | 'ended'> {
    const began = performance.now()
    const answer = await wire.answer(method)
    this.#timed(performance.now() - began)
    if (answer === 'ended') {
      this.#note(wire, '<', 'ended')
      return answer
    }
    this.note(wire, answer)
    checkAnswer(method, answer)
    return answer
  }

  /** Says that nothing more will come, once it is clear that something more is waited for. */
  async hurry(wire: Wire): Promise<void> {
    if (await wire.spoke(hesitationMs)) return
    this.#note(wire, '>', 'nothing more')
    wire.endWriting()
  }

  /** As `answer`, but of a live answer only the head. */
  async answerOrHead(wire: Wire, method: string): Promise<(Answer & { readonly isOpen: boolean }) | 'ended'> {
    const head = await wire.head()
    if (head === 'ended') {
      this.#note(wire, '<', 'ended')
      return head
    }
    const isOpen = header(head, 'Content-Type') === ContentType.eventStream && method !== 'HEAD'
    const body = isOpen ? Buffer.alloc(0) : await wire.bodyOf(method, head)
    const answer = { ...head, body, isOpen }
    this.note(wire, answer)
    checkAnswer(method, answer)
    return answer
  }

  /** Records an answer, or the head of one. */
  note(wire: Wire, answer: Answer): void {
    const { answered } = this.around.tally
    const hundred = `${Math.floor(answer.status / 100)}xx`
    answered[hundred] = (answered[hundred] ?? 0) + 1
    const next = header(answer, Header.nextOffset)
    this.#note(
      wire,
      '<',
      [answer.status, codeOf(answer) ?? '', next ?? '', `${answer.body.length} bytes`].join(' '),
    )
  }

  say(text: string): void {
    this.#record({ connection: 0, way: '-', text })
  }

  async open(): Promise<Wire> {
    const wire = await this.around.connections.take()
    if (!this.#wires.has(wire)) this.#wires.set(wire, this.#wires.size + 1)
    this.#open.add(wire)
    return wire
  }

  /** To be used again, when it can be. */
  close(wire: Wire): void {
    this.#open.delete(wire)
    this.around.connections.give(wire)
  }

  /** Never to be used again. */
  drop(wire: Wire): void {
    this.#note(wire, '>', 'dropped')
    this.#open.delete(wire)
    this.around.connections.drop(wire)
  }

  /** Leaves no connection open whose state is unknown. */
  end(): void {
    for (const wire of this.#open) this.around.connections.drop(wire)
    this.#open.clear()
  }

  /** All that a stream holds, read from its start to its end. @throws Finding Z13 when it cannot be read */
  async whole(target: string, query: Readonly<Record<string, string>> = {}): Promise<Buffer> {
    const parts: Buffer[] = []
    for (let offset: string = Sentinel.start; ; ) {
      const answer = await this.ask(get(target, { ...query, [Query.offset]: offset }))
      this.expect(answer, [200], 'Z6', 'a stream that is there cannot be read')
      parts.push(answer.body)
      const next = header(answer, Header.nextOffset)
      if (next === undefined) throw new Finding('Z6', 'a read does not say where to go on')
      if (header(answer, Header.upToDate) !== undefined) return Buffer.concat(parts)
      if (next === offset) throw new Finding('Z6', 'a read that is not up to date goes nowhere')
      offset = next
    }
  }

  expect(answer: Answer, statuses: readonly number[], rule: Rule, message: string): void {
    if (statuses.includes(answer.status)) return
    const { status, body } = answer
    throw new Finding(
      rule,
      `${message}: ${status} ${codeOf(answer) ?? ''}\n${body.toString('latin1').slice(0, 500)}`,
    )
  }

  /** Removes what was made. @throws Finding when that, or what is there afterwards, is not as it should be */
  async tidy(): Promise<void> {
    for (const target of this.#made) {
      const answer = await this.ask(remove(target))
      this.expect(answer, [204, 404, 410], 'Z13', 'a stream of this execution cannot be removed')
      if (answer.status !== 204) continue
      const after = await this.ask(get(target, from(Sentinel.start)))
      this.expect(after, [404, 410], 'Z6', 'a stream that was removed is still there')
    }
  }

  #timed(ms: number): void {
    const { tally } = this.around
    tally.slowestMs = Math.max(tally.slowestMs, ms)
  }

  #note(wire: Wire, way: Line['way'], text: string): void {
    this.#record({ connection: this.#wires.get(wire) ?? 0, way, text })
  }

  #record(line: Line): void {
    this.lines.push(line)
    this.around.watch(line)
  }
}
