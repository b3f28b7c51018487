export type Unit = 'bytes' | 'characters' | 'ms' | 'MiB' | 'number'

/** One bound. Below or at it everything is as usual. */
export interface Limit {
  readonly unit: Unit
  readonly value: number
  /** What is bounded, for a line of help. */
  readonly of: string
  /** What happens beyond it. */
  readonly beyond: string
  /** Why it is there, and where it is. */
  readonly why: string
  /** The values that can be set. */
  readonly least: number
  readonly most: number
}

interface Words extends Pick<Limit, 'beyond' | 'why'> {
  readonly least?: number
  readonly most?: number
}

/** Timers wrap around at 2^31 ms and then fire at once. */
const longestMs = 24 * 3_600_000

const limit =
  (unit: Unit, widest: number) =>
  (value: number, of: string, { beyond, why, least = 1, most = widest }: Words): Limit => ({
    unit,
    value,
    of,
    beyond,
    why,
    least,
    most,
  })
export const bytes = limit('bytes', Number.MAX_SAFE_INTEGER)
export const characters = limit('characters', Number.MAX_SAFE_INTEGER)
export const ms = limit('ms', longestMs)
export const mebibytes = limit('MiB', 1 << 20)
export const number = limit('number', Number.MAX_SAFE_INTEGER)
