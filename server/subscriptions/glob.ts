const one = '*'
const any = '**'

/**
 * PROTOCOL 6.2 and 7.1: a pattern over the segments of a service-relative path.
 * - G1 `*` stands for exactly one segment,
 * - G2 `**` for any number of them, also none;
 * - G3 every other segment for itself.
 * - G4 The work grows with the product of the two lengths at worst, whatever the pattern.
 */
export class Glob {
  readonly #parts: readonly string[]

  constructor(pattern: string) {
    this.#parts = pattern.split('/')
  }

  matches(path: string): boolean {
    const parts = this.#parts
    const segments = path.split('/')
    let part = 0
    let segment = 0
    let lastAny = -1
    let taken = 0
    while (segment < segments.length) {
      if (parts[part] === any) {
        lastAny = part++
        taken = segment
      } else if (part < parts.length && (parts[part] === one || parts[part] === segments[segment])) {
        part++
        segment++
      } else if (lastAny >= 0) {
        part = lastAny + 1
        segment = ++taken
      } else return false
    }
    while (parts[part] === any) part++
    return part === parts.length
  }

  /** What every path that matches begins with. `a/**` stands for `a` as well, so the slash is no part of it. */
  get prefix(): string {
    const wild = this.#parts.findIndex(part => part === one || part === any)
    const literal = this.#parts.slice(0, wild < 0 ? undefined : wild).join('/')
    return literal !== '' && this.#parts[wild] === one ? `${literal}/` : literal
  }
}

/** Whether every asterisk of a pattern is a segment of its own, or two are. */
export const isGlob = (pattern: string): boolean =>
  pattern.split('/').every(part => part === one || part === any || !part.includes(one))
