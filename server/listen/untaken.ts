import type { getRequestListener } from '@hono/node-server'
import { dropAnswer, outletOf } from '../http/exchange.ts'
import type { Limits } from '../limits.ts'
import type { World } from '../world.ts'

type Respond = ReturnType<typeof getRequestListener>

/** Drops what is left of an answer that its client does not take. Live answers have a bound of their own. */
export const dropUntaken =
  (
    respond: Respond,
    { stallMs, answerRate }: Pick<Limits, 'stallMs' | 'answerRate'>,
    world: World,
  ): Respond =>
  async (incoming, outgoing) => {
    await respond(incoming, outgoing)
    const outlet = outletOf(outgoing)
    const left = outlet.writableLength
    if (!outlet.writableEnded || outlet.destroyed || left === 0) return
    outlet.once(
      'close',
      world.after(stallMs + (left / answerRate) * 1_000, () => dropAnswer(outgoing)),
    )
  }
