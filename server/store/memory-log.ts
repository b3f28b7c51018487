import { maxSliceRecords } from './slice.ts'
import type { Position, Record, Slice } from './store.ts'

/** The records of one incarnation, in memory. */
export class Log {
  readonly #records: Record[] = []

  /** `record` begins where the last one ended. Its bytes must be this log's own. */
  append(record: Record): void {
    this.#records.push(record)
  }

  has(position: Position): boolean {
    return this.#records[this.#from(position)]?.position === position
  }

  /** Forgets what lies before `start`. */
  trim(start: Position): void {
    this.#records.splice(0, this.#from(start))
  }

  slice(from: Position, limit: number): Slice {
    const records: Record[] = []
    let next = from
    let left = limit
    for (let at = this.#from(from); records.length < maxSliceRecords; at++) {
      const record = this.#records[at]
      if (!record || (records.length > 0 && record.bytes.byteLength > left)) break
      records.push({ position: record.position, bytes: new Uint8Array(record.bytes) })
      next = record.position + record.bytes.byteLength
      left -= record.bytes.byteLength
    }
    return { records, next }
  }

  /** Index of the first record at or after `position`. */
  #from(position: Position): number {
    let low = 0
    let high = this.#records.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#records[middle]?.position ?? 0) < position) low = middle + 1
      else high = middle
    }
    return low
  }
}
