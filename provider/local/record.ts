import { decodeFrames, type Offset, ownLimits, readUpdate } from '../../protocol/index.ts'
import type { Place } from '../place.ts'
import type { StoredFlight } from './local-store.ts'

/**
 * What is kept beside the updates, in the store `custom` of a y-indexeddb database, under keys that are lists and so never meet an app's own.
 * Each record carries the version of its shape; one of another version is unreadable.
 */
const version = 1
const prefix = 'durable-streams-yjs'

/**
 * Which life of the stored document this is. It ends when something stored is removed that was not joined into what stays:
 * whoever wrote in an earlier life then knows that its updates may be gone. A place counts only in its own life.
 */
export interface Life {
  readonly life: number
  /** The last life that ended because somebody wanted nothing to be kept; 0 for none. */
  readonly cleared: number
}

/** Which stored update is the whole document as it was, and its size: the others are small and newer. */
export interface Base {
  readonly key: IDBValidKey
  readonly bytes: number
}

export const lifeKey = [prefix, 'life']
export const baseKey = [prefix, 'base']
const placePrefix = [prefix, 'place']
const flightPrefix = [prefix, 'flight']

export const placeKey = (life: number): IDBValidKey => [...placePrefix, life]
export const flightKey = (producerId: string, seq: number): IDBValidKey => [...flightPrefix, producerId, seq]

/** A list sorts after every number and string, so these end where the keys that begin so end. */
const beginningWith = (start: readonly string[]): IDBKeyRange => IDBKeyRange.bound(start, [...start, []])

export const ours = (): IDBKeyRange => beginningWith([prefix])
export const everyPlace = (): IDBKeyRange => beginningWith(placePrefix)
export const flightsOf = (producerId: string): IDBKeyRange => beginningWith([...flightPrefix, producerId])

export const lifeRecord = ({ life, cleared }: Life): unknown => ({ version, life, cleared })
export const baseRecord = ({ key, bytes }: Base): unknown => ({ version, key, bytes })
export const placeRecord = ({ offset, ledger, unsavedSince }: Place): unknown => ({
  version,
  offset,
  ledger: owned(ledger),
  unsavedSince,
})
export const flightRecord = ({ body, basis }: StoredFlight): unknown => ({
  version,
  body: owned(body),
  basis,
})

/** Bytes in a buffer of their own: of a view, browsers store all of the buffer behind it. */
export const owned = (bytes: Uint8Array): Uint8Array =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice()

const fields = (record: unknown): Record<string, unknown> | undefined =>
  typeof record === 'object' && record !== null && 'version' in record && record.version === version
    ? { ...record }
    : undefined

export const readLife = (record: unknown): Life | undefined => {
  const { life, cleared } = fields(record) ?? {}
  return Number.isSafeInteger(life) && Number.isSafeInteger(cleared)
    ? { life: Number(life), cleared: Number(cleared) }
    : undefined
}

export const readBase = (record: unknown): Base | undefined => {
  const { key, bytes } = fields(record) ?? {}
  return typeof key === 'number' && typeof bytes === 'number' ? { key, bytes } : undefined
}

export type OwnRecord =
  | { readonly kind: 'place'; readonly life: number; readonly place: Place }
  | { readonly kind: 'flight'; readonly flight: StoredFlight }
  | { readonly kind: 'life' | 'base' }

/** Whether it can be sent, as whoever sends it reads it: frames of updates. */
const isBody = (body: unknown): body is Uint8Array => {
  if (!(body instanceof Uint8Array)) return false
  try {
    for (const update of decodeFrames(body)) readUpdate(update, ownLimits)
    return true
  } catch {
    return false
  }
}

/** A record of ours by its key; undefined when it cannot be read. */
export const readOwn = (key: IDBValidKey, record: unknown): OwnRecord | undefined => {
  const [, kind, name, seq] = Array.isArray(key) ? key : []
  const { offset, ledger, unsavedSince, body, basis } = fields(record) ?? {}
  if (kind === 'life') return readLife(record) && { kind }
  if (kind === 'base') return readBase(record) && { kind }
  if (kind === 'place' && typeof name === 'number') {
    const isSince = unsavedSince === undefined || typeof unsavedSince === 'number'
    return typeof offset === 'string' && ledger instanceof Uint8Array && isSince
      ? { kind, life: name, place: { offset: offset as Offset, ledger, unsavedSince } }
      : undefined
  }
  return kind === 'flight' &&
    typeof name === 'string' &&
    typeof seq === 'number' &&
    isBody(body) &&
    (basis === undefined || typeof basis === 'string')
    ? { kind, flight: { producerId: name, seq, body, basis: basis as Offset | undefined } }
    : undefined
}
