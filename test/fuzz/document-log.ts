import {
  ContentType,
  decodeFrames,
  ErrorCode,
  encodeFrames,
  Header,
  Query,
  Ranges,
  readUpdate,
  Sentinel,
} from '../../protocol/index.ts'
import type { Arena } from './arena.ts'
import { Finding } from './finding.ts'
import { codeOf } from './judgement.ts'
import { get, post, producer, put, withQuery } from './request.ts'
import { type Answer, header } from './wire.ts'

/** A document as its writer knows it: what it acknowledged, in order. */
export class DocumentLog {
  readonly #arena: Arena
  readonly #target: string
  readonly #bodies: Uint8Array[] = []
  /** Offsets that it answered. */
  readonly #offsets: string[] = []
  #batches = 0

  constructor(arena: Arena, target: string) {
    this.#arena = arena
    this.#target = target
  }

  /** Creates it with what must be accepted, for real Yjs wrote it and it builds on nothing else. */
  async begin(updates: readonly Uint8Array[]): Promise<void> {
    const arena = this.#arena
    const inBody = arena.choices.below(updates.length + 1)
    const body = encodeFrames(updates.slice(0, inBody))
    const created = await arena.ask(put(this.#target, ContentType.binary, body))
    arena.expect(created, [201], 'Z13', 'a document cannot be created with the updates of an editor')
    if (body.length > 0) this.#bodies.push(body)
    if (inBody < updates.length) await this.#honest(encodeFrames(updates.slice(inBody)))
  }

  async post(body: Uint8Array): Promise<Answer> {
    const arena = this.#arena
    const headers = arena.choices.happens(20) ? producer('fuzz', 0, this.#batches) : []
    const basis = this.#basis()
    const answer = await arena.ask(post(this.#target + basis.query, body, ContentType.binary, headers))
    const offset = header(answer, Header.nextOffset)
    if (offset !== undefined) this.#offsets.push(offset)
    if (answer.status >= 300) this.#checkRefusal(answer, basis.isSound)
    else {
      if (!basis.isSound) throw new Finding('Z13', `what builds on ${basis.query} is taken`)
      arena.expect(
        answer,
        [headers.length > 0 ? 200 : 204],
        'Z13',
        'a first append is answered like a repeated one',
      )
      if (headers.length > 0) this.#batches++
      this.#bodies.push(body)
    }
    return answer
  }

  /** What the request says that it builds on, and whether that is this document. */
  #basis(): { readonly query: string; readonly isSound: boolean } {
    const { choices } = this.#arena
    const known = choices.anyOf(this.#offsets)
    if (known === undefined || choices.happens(70)) return { query: '', isSound: true }
    const [generation = '', position = ''] = known.split('_')
    const beyond = `${generation}_${position.replace(/^0/, '9')}`
    const earlier = `${`${Number(generation) - 1}`.padStart(16, '0')}_${position}`
    const wrong = [beyond, earlier, `${known}0`, `${known}_snapshot`, '', choices.bytes(8).join()] as const
    const isSound = choices.happens(60)
    return { query: `?${Query.basis}=${isSound ? known : choices.oneOf(wrong)}`, isSound }
  }

  #checkRefusal(answer: Answer, isSound: boolean): void {
    const allowed: readonly (string | undefined)[] = [
      ...(isSound ? [] : [ErrorCode.invalidOffset, ErrorCode.offsetExpired]),
      ErrorCode.invalidRequest,
      ErrorCode.malformedUpdate,
      ErrorCode.causalGap,
    ]
    if (!allowed.includes(codeOf(answer)))
      this.#arena.expect(answer, [200], 'Z13', 'an update is refused for no reason')
  }

  async #honest(body: Uint8Array): Promise<void> {
    const answer = await this.#arena.ask(post(this.#target, body))
    this.#arena.expect(answer, [204], 'Z8', 'an editor of this document cannot write to it')
    this.#bodies.push(body)
  }

  /** The log holds what was acknowledged, Yjs reads it, and others can go on from it. */
  async check(): Promise<void> {
    const arena = this.#arena
    const { reader, bodyBytes } = arena.around
    const read = await this.#readAll()
    const { waits, state, edit } = await reader.read(read)
    if (waits) throw new Finding('Z7', 'Yjs waits for content that this document does not hold')
    await this.#honest(encodeFrames([edit]))
    const frame = encodeFrames([state])
    if (frame.length > bodyBytes) return
    const copy = await arena.ask(put(arena.document(), ContentType.binary, frame))
    arena.expect(copy, [201], 'Z8', 'the whole state of this document is no document')
  }

  /** Every update as it was sent, without the structs that were there before it. */
  async #readAll(): Promise<Uint8Array[]> {
    const whole = await this.#arena.whole(this.#target)
    const stored = decodeFrames(whole)
    const sent = this.#bodies.flatMap(body => decodeFrames(body))
    if (stored.length !== sent.length) {
      throw new Finding('Z6', `the log holds ${stored.length} updates, acknowledged were ${sent.length}`)
    }
    const held = new Ranges()
    for (const [index, update] of sent.entries()) {
      const is = stored[index] ?? new Uint8Array()
      const { structs, deletes } = readUpdate(update)
      const isNew = held.missingFrom(structs)
      if (isSame(structs, isNew) ? !isEqual(is, update) : !carries(is, isNew, deletes)) {
        throw new Finding('Z6', `update ${index} of the log is not what was acknowledged`)
      }
      held.addAll(structs)
    }
    return stored
  }

  /** Writes until a snapshot is due, waits for it, and joins by it. */
  async checkSnapshot(isHonest: boolean): Promise<void> {
    const arena = this.#arena
    const { reader, compactBytes } = arena.around
    const { edit } = await reader.read(await this.#readAll(), compactBytes)
    await this.#honest(encodeFrames([edit]))
    const snapshot = await this.#snapshot()
    const after = header(snapshot, Header.nextOffset) ?? ''
    const tail = await arena.ask(get(this.#target, { [Query.offset]: after }))
    arena.expect(tail, [200], 'Z9', 'what follows a snapshot cannot be read')
    await reader.compare(await this.#readAll(), [snapshot.body, ...decodeFrames(tail.body)], isHonest)
  }

  async #snapshot(): Promise<Answer> {
    const arena = this.#arena
    const discovery = withQuery(this.#target, { [Query.offset]: Sentinel.snapshot })
    const deadline = Date.now() + snapshotMs
    while (Date.now() < deadline) {
      const found = await arena.ask({ method: 'GET', target: discovery })
      arena.expect(found, [307], 'Z9', 'a snapshot cannot be asked for')
      const { pathname, search, searchParams } = new URL(header(found, 'Location') ?? '', 'http://fuzz')
      if (searchParams.get(Query.offset) !== Sentinel.start) {
        const snapshot = await arena.ask({ method: 'GET', target: pathname + search })
        arena.expect(snapshot, [200], 'Z9', 'a snapshot that was named is not there')
        return snapshot
      }
      await new Promise(resolve => {
        setTimeout(resolve, pollMs)
      })
    }
    throw new Finding('Z9', 'no snapshot is made of this document')
  }
}

const isEqual = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0

const isSame = (one: Ranges, other: Ranges): boolean =>
  one.missingFrom(other).isEmpty && other.missingFrom(one).isEmpty

const carries = (update: Uint8Array, structs: Ranges, deletes: Ranges): boolean => {
  const summary = readUpdate(update)
  return isSame(summary.structs, structs) && isSame(summary.deletes, deletes)
}

const snapshotMs = 20_000
const pollMs = 20
