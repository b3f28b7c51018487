/**
 * - `failed`: a write failed; what it left on disk is unknown, so this store takes no more (only a restart clears it)
 * - `full`: the store has no room left; nothing of that commit was written, later ones may fit after a removal
 * - `damaged`: stored bytes do not match their checksum
 * - `busy`: another process, or this one, has this directory open
 * - `newer`: the directory was written by a newer version of this program
 * - `foreign`: the directory holds something that is not a store of this program, and was left as it is
 * - `closed`: the store was closed
 */
export type StoreFailureCode = 'failed' | 'full' | 'damaged' | 'busy' | 'newer' | 'foreign' | 'closed'

/** What a store could not do, with the engine's own error as `cause`. */
export class StoreFailure extends Error {
  override readonly name = 'StoreFailure'
  readonly code: StoreFailureCode

  constructor(code: StoreFailureCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
