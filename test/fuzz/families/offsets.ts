import { ContentType, encodeFrames, Header, Live, Query, Sentinel } from '../../../protocol/index.ts'
import type { Arena } from '../arena.ts'
import type { Choices } from '../choices.ts'
import { Finding } from '../finding.ts'
import type { Lives } from '../lives.ts'
import { isVisible, latin1, post, put, type Request } from '../request.ts'
import { type Answer, header } from '../wire.ts'

const cursors = [
  '',
  '0',
  '-1',
  '1',
  '9'.repeat(15),
  '9'.repeat(16),
  '9'.repeat(300),
  '1e9',
  'NaN',
  'a',
  '0x10',
  '%00',
  ' 1',
  '1.5',
  '\u00fc',
] as const
const suffixes = [
  '_snapshot',
  '_snapshot_snapshot',
  '_',
  ' ',
  '%20',
  ',',
  '/',
  '%00',
  '\u00fc',
  '&offset=-1',
  '#',
  '0',
] as const

/** What a stream answered of itself, and the bytes that follow each of its offsets. */
interface Known {
  readonly target: string
  readonly content: Buffer
  /** How many bytes of the content lie before an offset. */
  readonly tokens: ReadonlyMap<string, number>
}

const streamOf = async (arena: Arena): Promise<Known> => {
  const target = arena.stream()
  const parts: Buffer[] = []
  const tokens = new Map<string, number>()
  const saw = (answer: Answer) => {
    const next = header(answer, Header.nextOffset)
    if (next === undefined) throw new Finding('Z13', 'an answer does not say where the stream ends')
    tokens.set(
      next,
      parts.reduce((sum, { length }) => sum + length, 0),
    )
  }
  saw(await arena.ask(put(target, ContentType.binary)))
  for (let left = arena.choices.whole(1, 4); left > 0; left--) {
    const part = Buffer.from(arena.choices.bytes(arena.choices.whole(1, 5)))
    parts.push(part)
    saw(await arena.ask(post(target, part)))
  }
  return { target, content: Buffer.concat(parts), tokens }
}

const documentOf = async (arena: Arena, { lives }: Lives): Promise<Known> => {
  const target = arena.document()
  const updates = arena.choices.oneOf(lives).updates.slice(0, 3)
  const created = await arena.ask(put(target, ContentType.binary, encodeFrames(updates)))
  arena.expect(created, [201], 'Z13', 'a document cannot be created with the updates of an editor')
  const content = await arena.whole(target)
  return { target, content, tokens: new Map([[header(created, Header.nextOffset) ?? '', content.length]]) }
}

const mutated = (choices: Choices, token: string, others: readonly string[]): string => {
  const [generation = '', position = ''] = token.split('_')
  const at = choices.below(token.length + 1)
  switch (
    choices.weighted({
      same: 3,
      digit: 5,
      step: 5,
      swapped: 1,
      cut: 2,
      longer: 2,
      suffix: 4,
      crossed: 3,
      insert: 2,
      case: 1,
    })
  ) {
    case 'same':
      return token
    case 'digit':
      return (
        token.slice(0, at) + choices.oneOf(['0', '9', '5', '_', '-', 'a', '%30', '.']) + token.slice(at + 1)
      )
    case 'step': {
      const step = choices.oneOf([1, -1, 2, 10, 2 ** 31])
      const moved = (text: string) => String(Math.max(0, Number(text) + step)).padStart(text.length, '0')
      return choices.happens(50) ? `${generation}_${moved(position)}` : `${moved(generation)}_${position}`
    }
    case 'swapped':
      return `${position}_${generation}`
    case 'cut':
      return token.slice(0, at)
    case 'longer':
      return `0${token}`
    case 'suffix':
      return token + choices.oneOf(suffixes)
    case 'crossed': {
      const [other = ''] = (choices.anyOf(others) ?? token).split('_')
      return `${other}_${position}`
    }
    case 'insert':
      return (
        token.slice(0, at) + choices.oneOf(['%00', '%2f', '..', '+', '%0a', '\u0661', ' ']) + token.slice(at)
      )
    case 'case':
      return choices.oneOf([
        '-1',
        'NOW',
        'Now',
        'now ',
        '-01',
        '-1_',
        '+0',
        '',
        'snapshot',
        'SNAPSHOT',
        '_snapshot',
        '-1_snapshot',
        'now_snapshot',
      ])
  }
}

const modes = [
  undefined,
  undefined,
  undefined,
  Live.longPoll,
  Live.sse,
  Live.serverPicks,
  'LONG-POLL',
  '',
  'x',
] as const

/** Reads from places that are none, or not of this stream, or only nearly so. */
export const offsets =
  (lives: Lives) =>
  async (arena: Arena): Promise<void> => {
    const { choices } = arena
    const knowns = [
      await streamOf(arena),
      choices.happens(50) ? await documentOf(arena, lives) : await streamOf(arena),
    ]
    const all = knowns.flatMap(({ tokens }) => [...tokens.keys()])
    for (let left = choices.whole(1, 8); left > 0; left--) {
      const known = choices.anyOf(knowns)
      if (!known) return
      const offset = choices.happens(85)
        ? mutated(choices, choices.anyOf(all) ?? '', all)
        : choices.oneOf([Sentinel.start, Sentinel.tail, Sentinel.snapshot])
      await readFrom(arena, known, offset)
    }
  }

const readFrom = async (arena: Arena, known: Known, offset: string): Promise<void> => {
  const { choices } = arena
  const mode = choices.anyOf(modes)
  let query = `?${Query.offset}=${offset}`
  if (mode !== undefined) query += `&${Query.live}=${mode}`
  if (choices.happens(30)) query += `&${Query.cursor}=${choices.oneOf(cursors)}`
  const request: Request = { method: choices.happens(10) ? 'HEAD' : 'GET', target: known.target + query }
  const wire = await arena.open()
  arena.write(wire, latin1(`${request.method} ${request.target} HTTP/1.1\r\nHost: fuzz\r\n\r\n`))
  const isBroken = !isVisible(request.target)
  if (isBroken) await arena.hurry(wire)
  const answer = await arena.answerOrHead(wire, request.method)
  if (isBroken || answer === 'ended' || answer.isOpen) arena.drop(wire)
  else arena.close(wire)
  if (answer === 'ended') {
    if (isBroken) return
    throw new Finding('Z1', 'a read was not answered: the connection ended')
  }
  if (answer.status === 200 && !answer.isOpen && request.method === 'GET') check(known, offset, answer)
}

/** From a token come the bytes that follow it, from any other place that is taken those that follow some token. */
const check = ({ content, tokens }: Known, offset: string, { body, ...head }: Answer): void => {
  const before =
    offset === Sentinel.start ? 0 : offset === Sentinel.tail ? content.length : tokens.get(offset)
  const isSuffix =
    body.length <= content.length && content.subarray(content.length - body.length).equals(body)
  if (!isSuffix || (before !== undefined && body.length !== content.length - before)) {
    throw new Finding('Z6', `from ${offset} come ${body.length} wrong bytes`)
  }
  const next = header(head, Header.nextOffset)
  if (next === undefined || tokens.get(next) !== content.length)
    throw new Finding('Z6', `after ${offset} it goes on at ${next}`)
}
