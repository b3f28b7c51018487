/** Thrown for bytes that are not exactly one whole, well-formed V1 update within the limits (YJS 12.3). */
export class UpdateError extends Error {
  override readonly name = 'UpdateError'
  /** What is wrong, without the place: for people, may change. */
  readonly reason: string
  /** The byte at which the reader gave up. */
  readonly at: number

  constructor(reason: string, at: number, options?: ErrorOptions) {
    super(`${reason} (byte ${at})`, options)
    this.reason = reason
    this.at = at
  }
}
