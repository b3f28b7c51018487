import type { Limits } from '../limits.ts'
import type { World } from '../world.ts'
import type { Documents } from '../yjs/documents.ts'

/** Everything a document's handlers need to know of the server they are part of. */
export interface Yjs {
  readonly documents: Documents
  readonly limits: Limits
  readonly world: World
}
