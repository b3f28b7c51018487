import { ContentType, ErrorCode, Live, Query, Sentinel } from '../../../protocol/index.ts'
import type { Arena } from '../arena.ts'
import { Finding } from '../finding.ts'
import { codeOf } from '../judgement.ts'
import { encodeRequest, get, latin1, post, put } from '../request.ts'
import { patienceMs } from '../wire.ts'

const pollMs = 50

/** Live readers that leave in every way there is: none of them may keep its place. */
export const abandoned = async (arena: Arena): Promise<void> => {
  const { choices } = arena
  const target = arena.stream()
  const first = latin1('x'.repeat(choices.oneOf([0, 1, 5000])))
  arena.expect(
    await arena.ask(put(target, ContentType.binary, first)),
    [201],
    'Z13',
    'a stream cannot be created',
  )
  for (let left = choices.whole(1, 3); left > 0; left--) {
    const wire = await arena.open()
    const requests = Array.from({ length: choices.whole(1, 5) }, () =>
      encodeRequest(
        get(target, {
          [Query.offset]: choices.oneOf([Sentinel.tail, Sentinel.start]),
          [Query.live]: choices.oneOf([Live.sse, Live.longPoll]),
        }),
      ),
    )
    const together = Buffer.concat(requests)
    const cut = choices.happens(30) ? choices.below(together.length) : together.length
    arena.write(wire, together.subarray(0, cut))
    const head = choices.happens(60) && cut === together.length ? await wire.head() : undefined
    if (head !== undefined && head !== 'ended') arena.say(`answered ${head.status}`)
    if (choices.happens(30)) await arena.ask(post(target, latin1('y')))
    switch (choices.weighted({ drop: 2, reset: 2, end: 2, speak: 1 })) {
      case 'drop':
        break
      case 'reset':
        wire.reset()
        break
      case 'end':
        wire.endWriting()
        await wire.pushed()
        break
      case 'speak':
        arena.write(wire, latin1(choices.oneOf(['x', '\r\n', 'GET', '\u0000\u0000'])))
        await wire.pushed()
        break
    }
    arena.drop(wire)
  }
  await expectRoom(arena, target)
}

/** As many readers as a stream may have come in now. Those that left may take a moment to be noticed. */
export const expectRoom = async (arena: Arena, target: string): Promise<void> => {
  const { readersPerStream } = arena.around
  const deadline = Date.now() + patienceMs
  for (;;) {
    const wires = []
    let isCrowded = false
    for (let left = readersPerStream; left > 0 && !isCrowded; left--) {
      const wire = await arena.open()
      wires.push(wire)
      arena.write(wire, encodeRequest(get(target, { [Query.offset]: Sentinel.tail, [Query.live]: Live.sse })))
      const answer = await arena.answerOrHead(wire, 'GET')
      isCrowded = answer !== 'ended' && codeOf(answer) === ErrorCode.tooManyReaders
    }
    for (const wire of wires) arena.drop(wire)
    if (!isCrowded) return
    if (Date.now() > deadline) throw new Finding('Z12', 'readers who left keep their places')
    await new Promise(resolve => {
      setTimeout(resolve, pollMs)
    })
  }
}
