/** `length` clocks of one client from `clock` on. */
export interface Range {
  readonly client: number
  readonly clock: number
  readonly length: number
}

/** One client's clocks: start, end, start, end, …; ascending, and no two runs overlap or touch. */
type Runs = number[]

const startOf = (runs: Runs, index: number): number => runs[2 * index] as number
const endOf = (runs: Runs, index: number): number => runs[2 * index + 1] as number

/** The index of the first run, from `from` on, that ends at or after `clock`. */
const firstEndingAt = (runs: Runs, clock: number, from = 0): number => {
  let low = from
  let high = runs.length >> 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (endOf(runs, middle) < clock) low = middle + 1
    else high = middle
  }
  return low
}

const insert = (runs: Runs, start: number, end: number): void => {
  const first = firstEndingAt(runs, start)
  let after = firstEndingAt(runs, end, first)
  if (after < runs.length >> 1 && startOf(runs, after) <= end) after++
  if (first === after) {
    runs.splice(2 * first, 0, start, end)
    return
  }
  const joinedStart = Math.min(start, startOf(runs, first))
  const joinedEnd = Math.max(end, endOf(runs, after - 1))
  if (after - first > 1) runs.splice(2 * first, 2 * (after - first - 1))
  runs[2 * first] = joinedStart
  runs[2 * first + 1] = joinedEnd
}

const append = (runs: Runs, start: number, end: number): void => {
  const last = runs.length - 1
  if (last < 0 || start > (runs[last] as number)) runs.push(start, end)
  else if (end > (runs[last] as number)) runs[last] = end
}

const union = (a: Runs, b: Runs): Runs => {
  const both: Runs = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const takeA = j >= b.length || (i < a.length && (a[i] as number) <= (b[j] as number))
    if (takeA) append(both, a[i++] as number, a[i++] as number)
    else append(both, b[j++] as number, b[j++] as number)
  }
  return both
}

const subtract = (runs: Runs, taken: Runs): Runs => {
  const rest: Runs = []
  let index = 0
  for (let i = 0; i < runs.length; i += 2) {
    let start = runs[i] as number
    const end = runs[i + 1] as number
    index = firstEndingAt(taken, start + 1, index)
    while (start < end && index < taken.length >> 1 && startOf(taken, index) < end) {
      if (startOf(taken, index) > start) rest.push(start, startOf(taken, index))
      start = endOf(taken, index)
      if (start < end) index++
    }
    if (start < end) rest.push(start, end)
  }
  return rest
}

const fewRuns = 8 // up to here a search and a shift for each beats walking both lists

/**
 * A set of (client, clock) pairs, kept as runs: what an update carries, what a server holds. Adding at the end of a
 * client's last run costs O(1), anywhere else a binary search and a shift.
 */
export class Ranges implements Iterable<Range> {
  readonly #runs = new Map<number, Runs>()

  /** @throws RangeError unless `clock` and `length` are at least 0 and `clock + length` is a safe integer */
  add(client: number, clock: number, length: number): void {
    const end = clock + length
    if (!(clock >= 0 && length >= 0 && end <= Number.MAX_SAFE_INTEGER)) {
      throw new RangeError(`no range of ${length} clocks begins at ${clock}`)
    }
    if (length === 0) return
    const runs = this.#runs.get(client)
    if (runs === undefined) {
      this.#runs.set(client, [clock, end])
      return
    }
    const last = runs[runs.length - 1] as number
    if (clock > last) runs.push(clock, end)
    else if (clock === last) runs[runs.length - 1] = end
    else insert(runs, clock, end)
  }

  addAll(other: Ranges): void {
    for (const [client, theirs] of other.#runs) {
      const ours = this.#runs.get(client)
      if (ours === undefined) this.#runs.set(client, theirs.slice())
      else if (theirs.length > 2 * fewRuns) this.#runs.set(client, union(ours, theirs))
      else {
        for (let i = 0; i < theirs.length; i += 2) {
          const clock = theirs[i] as number
          this.add(client, clock, (theirs[i + 1] as number) - clock)
        }
      }
    }
  }

  /** Whether every clock of the range is in this set. */
  covers(client: number, clock: number, length: number): boolean {
    if (length === 0) return true
    const runs = this.#runs.get(client)
    if (runs === undefined) return false
    const index = firstEndingAt(runs, clock + length)
    return index < runs.length >> 1 && startOf(runs, index) <= clock
  }

  /** What of `other` is not in this set. */
  missingFrom(other: Ranges): Ranges {
    const missing = new Ranges()
    for (const [client, theirs] of other.#runs) {
      const ours = this.#runs.get(client)
      const rest = ours === undefined ? theirs.slice() : subtract(theirs, ours)
      if (rest.length > 0) missing.#runs.set(client, rest)
    }
    return missing
  }

  /** Where the run that begins at clock 0 ends: the client's entry in a state vector; 0 when there is none. */
  contiguous(client: number): number {
    const runs = this.#runs.get(client)
    return runs !== undefined && runs[0] === 0 ? endOf(runs, 0) : 0
  }

  get isEmpty(): boolean {
    return this.#runs.size === 0
  }

  get clientCount(): number {
    return this.#runs.size
  }

  /** The clients with at least one clock in this set, ascending. */
  clients(): number[] {
    return [...this.#runs.keys()].sort((a, b) => a - b)
  }

  /** One client's ranges, ascending. */
  of(client: number): Range[] {
    const runs = this.#runs.get(client) ?? []
    const ranges: Range[] = []
    for (let index = 0; index < runs.length >> 1; index++) {
      const clock = startOf(runs, index)
      ranges.push({ client, clock, length: endOf(runs, index) - clock })
    }
    return ranges
  }

  /** Every range, by client and then by clock, ascending. */
  *[Symbol.iterator](): Generator<Range, void> {
    for (const client of this.clients()) yield* this.of(client)
  }

  clone(): Ranges {
    const copy = new Ranges()
    for (const [client, runs] of this.#runs) copy.#runs.set(client, runs.slice())
    return copy
  }
}
