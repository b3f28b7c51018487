import { createHash } from 'node:crypto'
import type { Limits } from '../limits.ts'
import type { World } from '../world.ts'
import { Buckets } from './buckets.ts'
import { Seats } from './seats.ts'

/** What each caller may use of a server at a time. */
export class Allowances {
  readonly requests: Buckets
  /** Of request bodies. */
  readonly bytes: Buckets
  readonly liveReaders: Seats

  constructor(limits: Limits, world: World) {
    const { requestsPerSecond, writtenBytesPerSecond, readersPerCaller, callersTracked: most } = limits
    this.requests = new Buckets({ perSecond: requestsPerSecond, most, world })
    this.bytes = new Buckets({ perSecond: writtenBytesPerSecond, most, world })
    this.liveReaders = new Seats(readersPerCaller)
  }
}

const longestKey = 64

/** A caller and an address are never the same key, and a long name takes no more room than a short one. */
export const allowanceKey = (caller: string | undefined, address: string): string => {
  if (caller === undefined) return `address ${address}`
  const name = caller.length <= longestKey ? caller : createHash('sha256').update(caller).digest('base64')
  return `caller ${name}`
}
