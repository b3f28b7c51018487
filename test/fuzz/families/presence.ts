import {
  absentState,
  ContentType,
  DefaultAwareness,
  decodeFrames,
  encodeAwareness,
  encodeFrames,
  FrameError,
  Query,
  Sentinel,
} from '../../../protocol/index.ts'
import type { Arena } from '../arena.ts'
import type { Choices } from '../choices.ts'
import { Finding } from '../finding.ts'
import { get, post, put, withQuery } from '../request.ts'
import { mutateBytes } from '../update-mutations.ts'

/** Nobody else is called so, nor becomes so by a bit or two. */
const calm = { client: 0xa5c3_1e27, clock: 7, state: '{"name":"calm"}' }

const states = [
  '{}',
  absentState,
  '{"cursor":{"a":[1,2]}}',
  '"text"',
  '0',
  '[]',
  'true',
  '{"__proto__":1}',
  'no JSON',
  '',
  '{"a":"\u0000"}',
] as const
const clocks = [0, 1, 2, 127, 2 ** 31, 2 ** 32, 2 ** 53 - 1] as const

const entries = (choices: Choices) =>
  Array.from({ length: choices.whole(0, 4) }, () => ({
    client: choices.oneOf([1, 2, 3, 0, 2 ** 32 - 1, 2 ** 53 - 1]),
    clock: choices.oneOf(clocks),
    state: choices.oneOf(states),
  }))

const bytesOf = (choices: Choices): Uint8Array => {
  const whole = encodeFrames([encodeAwareness(entries(choices))])
  switch (choices.weighted({ whole: 4, mutated: 6, noise: 2, bare: 1, huge: 1 })) {
    case 'whole':
      return whole
    case 'mutated': {
      let bytes: Uint8Array = whole
      for (let left = choices.whole(1, 3); left > 0; left--) bytes = mutateBytes(choices, bytes)
      return bytes
    }
    case 'noise':
      return choices.bytes(choices.whole(1, 30))
    case 'bare':
      return encodeAwareness(entries(choices))
    case 'huge':
      return encodeFrames([Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0)])
  }
}

/** Presence is passed on unread: any bytes are taken, and neither break the roster nor anybody in it. */
export const presence = async (arena: Arena): Promise<void> => {
  const { choices } = arena
  const document = arena.document()
  const awareness = { [Query.awareness]: choices.happens(70) ? choices.word(1, 10) : DefaultAwareness }
  const target = withQuery(document, awareness)
  arena.expect(
    await arena.ask(put(document, ContentType.binary)),
    [201],
    'Z13',
    'a document cannot be created',
  )
  const bodies: Uint8Array[] = []
  const send = async (body: Uint8Array) => {
    const answer = await arena.ask(post(target, body))
    if (body.length === 0) return arena.expect(answer, [400], 'Z13', 'an empty append is taken')
    arena.expect(answer, [204], 'Z13', 'presence is not passed on')
    bodies.push(body)
  }
  const calmAt = choices.below(3)
  for (let at = 0; at <= 2; at++) {
    if (at === calmAt) await send(encodeFrames([encodeAwareness([calm])]))
    for (let left = choices.below(3); left > 0; left--) await send(bytesOf(choices))
  }
  const log = await arena.whole(document, awareness)
  if (!log.equals(Buffer.concat(bodies))) throw new Finding('Z6', 'awareness reads back as something else')
  const roster = await arena.ask(get(document, { ...awareness, [Query.offset]: Sentinel.snapshot }))
  arena.expect(roster, [200], 'Z8', 'nobody can join')
  const present = await arena.around.reader.present(framesOf(roster.body))
  if (present.get(calm.client) !== calm.state)
    throw new Finding('Z8', 'somebody present is not in the roster')
}

const framesOf = (bytes: Uint8Array): Uint8Array[] => {
  try {
    return decodeFrames(bytes)
  } catch (cause) {
    if (cause instanceof FrameError) throw new Finding('Z8', 'the roster is no frames', { cause })
    throw cause
  }
}
