import * as Y from 'yjs'
import { decodeFrames, encodeFrames } from '../../../protocol/index.ts'
import type { Arena } from '../arena.ts'
import { DocumentLog } from '../document-log.ts'
import type { Life, Lives } from '../lives.ts'
import { mutateBytes, mutateUpdate } from '../update-mutations.ts'

/** Updates of real Yjs, tampered with, posted to a document that holds what they build on. */
export const updates =
  ({ lives, leftovers }: Lives) =>
  async (arena: Arena): Promise<void> => {
    const { choices } = arena
    const life = choices.oneOf(lives)
    const held = choices.below(life.updates.length)
    const target = arena.document()
    const log = new DocumentLog(arena, target)
    await log.begin(life.updates.slice(0, held))
    let next = held
    let isHonest = true
    for (let left = choices.whole(1, 4); left > 0; left--) {
      const original = life.updates[next] ?? choices.oneOf(leftovers)
      const kind = choices.weighted({ honest: 2, mutated: 12, stranger: 2, second: 1, noise: 1 })
      if (kind === 'honest') next++
      const bytes = (): Uint8Array => {
        switch (kind) {
          case 'honest':
            return original
          case 'mutated':
            return mutateUpdate(choices, original, { near: life.updates.slice(0, held + 1), far: leftovers })
          case 'stranger':
            return choices.oneOf(leftovers)
          case 'second':
            return secondVersion(original)
          case 'noise':
            return choices.bytes(choices.below(40))
        }
      }
      const body = framed(arena, bytes(), life)
      const { status } = await log.post(body)
      if (status < 300 && !isPartOf(life, body)) isHonest = false
    }
    await log.check()
    if (choices.happens(8)) await log.checkSnapshot(isHonest)
  }

const isPartOf = ({ updates }: Life, body: Uint8Array): boolean =>
  decodeFrames(body).every(frame => updates.some(update => Buffer.compare(update, frame) === 0))

const secondVersion = (update: Uint8Array): Uint8Array => {
  try {
    return Y.convertUpdateFormatV1ToV2(update)
  } catch {
    return update
  }
}

/** In its frame, with others, or in a frame that is none. */
const framed = ({ choices }: Arena, update: Uint8Array, { updates }: Life): Uint8Array => {
  switch (choices.weighted({ one: 12, before: 2, after: 2, many: 1, bare: 1, broken: 2 })) {
    case 'one':
      return encodeFrames([update])
    case 'before':
      return encodeFrames([update, ...updates.slice(0, 2)])
    case 'after':
      return encodeFrames([...updates.slice(0, 2), update])
    case 'many':
      return encodeFrames(Array.from({ length: choices.whole(98, 102) }, () => update))
    case 'bare':
      return update
    case 'broken':
      return mutateBytes(choices, encodeFrames([update]))
  }
}
