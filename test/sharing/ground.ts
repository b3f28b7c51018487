import type * as Y from 'yjs'
import { Path } from '../../protocol/index.ts'
import type { Chance } from '../sim/chance.ts'
import type { Clock } from '../sim/clock.ts'
import type { Line } from '../sim/network.ts'

export const document = { service: 's', path: 'd' } as const
export const service = `http://sharing.example${Path.yjs}${document.service}`

/** What browsers and tabs stand on. */
export interface Ground {
  readonly clock: Clock
  readonly chance: Chance
  /** Another device's way to the server. */
  line(): Line
  /** Whether the log holds everything in a document. */
  keeps(doc: Y.Doc): boolean
}
