import type { Socket } from 'node:net'
import type { Limits } from '../limits.ts'
import { originOf } from './address.ts'
import { Seats } from './seats.ts'

/**
 * Counts the connections of each address. Behind proxies there is only theirs to count, so nothing is.
 * @returns whether a new connection may stay
 */
export const connectionCounter = (
  { connectionsPerAddress }: Pick<Limits, 'connectionsPerAddress'>,
  trustProxy: number,
): ((socket: Socket) => boolean) => {
  if (trustProxy > 0) return () => true
  const seats = new Seats(connectionsPerAddress)
  return socket => {
    const leave = seats.take(originOf(socket.remoteAddress, undefined, 0))
    if (leave) socket.once('close', leave)
    return leave !== undefined
  }
}
