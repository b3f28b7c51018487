import { ContentType, Header, Live, Query, Sentinel } from '../../../protocol/index.ts'
import type { Arena } from '../arena.ts'
import { Finding } from '../finding.ts'
import { checkHead } from '../judgement.ts'
import { oddHeaders } from '../odd-headers.ts'
import { encodeRequest, get, latin1, post, put, type Request } from '../request.ts'
import { type Answer, header } from '../wire.ts'

const types = [ContentType.binary, 'text/plain', ContentType.json] as const

/** Requests that would be in order but for a few header fields. */
export const headers = async (arena: Arena): Promise<void> => {
  const { choices } = arena
  const type = choices.oneOf(types)
  const target = arena.stream()
  const first = await arena.ask(put(target, type))
  arena.expect(first, [201], 'Z13', 'a stream cannot be created')
  const stream = new Watched(arena, target, type)
  for (let left = choices.whole(1, 6); left > 0; left--) {
    switch (choices.weighted({ append: 8, read: 4, create: 4, live: 1, other: 2 })) {
      case 'append':
        await stream.append()
        break
      case 'read':
        await odd(arena, get(target, choices.happens(50) ? { [Query.offset]: Sentinel.start } : {}))
        break
      case 'create':
        await createOther(arena)
        break
      case 'live':
        await live(arena, target)
        break
      case 'other':
        await odd(arena, { method: choices.oneOf(['HEAD', 'OPTIONS', 'PATCH']), target })
        break
    }
  }
  await stream.check()
}

interface Asked {
  readonly answer: Answer | 'ended'
  /** Whether it was one request, and the one it seems to be. */
  readonly isSure: boolean
}

/** A request with odd fields: those first that come first, as given ones may be repeated. */
const odd = async (arena: Arena, request: Request): Promise<Asked> => {
  const { choices } = arena
  const { fields, breaks } = oddHeaders(choices)
  const replaced = new Set(fields.map(([name]) => name.toLowerCase()))
  // Half of the time what is odd takes the place of what was in order.
  const kept = (request.headers ?? []).filter(
    ([name]) => !replaced.has(name.toLowerCase()) || choices.happens(20),
  )
  const wire = await arena.open()
  arena.write(
    wire,
    encodeRequest({ ...request, headers: choices.happens(50) ? [...kept, ...fields] : [...fields, ...kept] }),
  )
  if (breaks) await arena.hurry(wire)
  const answer = await arena.answer(wire, request.method)
  if (breaks) arena.drop(wire)
  else arena.close(wire)
  if (answer === 'ended' && !breaks) {
    throw new Finding('Z1', `${request.method} was not answered: the connection ended`)
  }
  return { answer, isSure: !breaks }
}

/** A stream made with odd fields is a stream like any other: what it says it is, it takes. */
const createOther = async (arena: Arena): Promise<void> => {
  const isDocument = arena.choices.happens(25)
  const target = isDocument ? arena.document() : arena.stream()
  const { answer } = await odd(arena, put(target, ContentType.binary))
  if (answer === 'ended' || answer.status !== 201) return
  const type = header(answer, 'Content-Type') ?? ''
  const isOver = header(answer, Header.closed) !== undefined
  const isJson = /json/i.test(type)
  const body = isDocument ? Uint8Array.of(2, 0, 0) : latin1(isJson ? '{"a":1}' : 'abc')
  const appended = await arena.ask(post(target, body, type))
  // Its time may be over already.
  arena.expect(
    appended,
    isOver ? [409, 404] : [204, 404],
    'Z13',
    `a stream that was created as ${type} does not take it`,
  )
  if (appended.status === 204) await arena.whole(target)
}

const live = async (arena: Arena, target: string): Promise<void> => {
  const { choices } = arena
  const mode = choices.oneOf([Live.longPoll, Live.sse])
  const { fields, breaks } = oddHeaders(choices)
  const wire = await arena.open()
  const request = get(target, { [Query.offset]: Sentinel.tail, [Query.live]: mode })
  arena.write(wire, encodeRequest({ ...request, headers: fields }))
  const head = await wire.head()
  if (head === 'ended' && !breaks)
    throw new Finding('Z1', 'a live read was not answered: the connection ended')
  if (head !== 'ended') {
    checkHead(head)
    if (head.status >= 500) throw new Finding('Z3', `a live read was answered ${head.status}`)
  }
  arena.drop(wire)
}

/** A stream and what it must hold. */
class Watched {
  readonly #arena: Arena
  readonly #target: string
  readonly #type: string
  readonly #acknowledged: string[] = []
  /** What the answer to got lost. It may be there, once, now or in a moment. */
  readonly #unknown = new Set<string>()
  #count = 0

  constructor(arena: Arena, target: string, type: string) {
    this.#arena = arena
    this.#target = target
    this.#type = type
  }

  async append(): Promise<void> {
    const item = this.#isJson ? `{"n":${this.#count++}}` : `line ${this.#count++}\n`
    const { answer, isSure } = await odd(this.#arena, post(this.#target, latin1(item), this.#type))
    if (answer === 'ended' || (answer.status < 300 && !isSure)) this.#unknown.add(item)
    else if (answer.status < 300) {
      // A batch that is a repetition is acknowledged too, and appends nothing.
      const isRepeated = answer.status === 204 && header(answer, Header.producerSeq) !== undefined
      if (!isRepeated) this.#acknowledged.push(item)
    }
  }

  async check(): Promise<void> {
    const content = (await this.#arena.whole(this.#target)).toString('latin1')
    const items = this.#isJson ? content.slice(1, -1).split(/,(?=\{)/) : content.split(/(?<=\n)/)
    const known = items.filter(item => item !== '' && !this.#unknown.delete(item))
    if (known.join() !== this.#acknowledged.join()) {
      throw new Finding(
        'Z6',
        `the stream holds ${JSON.stringify(known)}, acknowledged was ${JSON.stringify(this.#acknowledged)}`,
      )
    }
  }

  get #isJson(): boolean {
    return this.#type === ContentType.json
  }
}
