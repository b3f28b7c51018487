import { isJson } from '../../protocol/index.ts'

const comma = new Uint8Array([0x2c])
const emptyArray = new Uint8Array([0x5b, 0x5d])
const decoder = new TextDecoder('utf-8', { fatal: true }) // takes a byte order mark off
const encoder = new TextEncoder()

/** What a scan of JSON must know of its syntax; none of these is ever a part of a longer character of UTF-8. */
const quote = 0x22
const backslash = 0x5c
const separator = 0x2c
const opening = new Set([0x5b, 0x7b])
const closing = new Set([0x5d, 0x7d])

/** What a body adds to a stream: a record to store, nothing (an empty JSON array), or why it cannot be stored. */
export type Messages =
  | { readonly kind: 'record'; readonly bytes: Uint8Array }
  | { readonly kind: 'none' }
  | { readonly kind: 'invalid'; readonly reason: string }

/**
 * PROTOCOL 9.1.
 * - M1 Bytes of any other content type are stored as they are.
 * - M2 A JSON body becomes its messages, one level of array taken off, joined by commas.
 * - M3 The text between the brackets is kept as it came: numbers beyond a double and duplicate keys read back exactly.
 * - M4 What is not JSON in UTF-8 is refused.
 * - M5 An empty array, like an empty body, adds nothing.
 */
export const toMessages = (contentType: string, body: Uint8Array): Messages => {
  if (!isJson(contentType)) return body.length === 0 ? { kind: 'none' } : { kind: 'record', bytes: body }
  if (body.length === 0) return { kind: 'none' }
  let text: string
  let value: unknown
  try {
    text = decoder.decode(body)
    value = JSON.parse(text)
    text = text.trim() // only now: it would take off more than JSON calls white space
  } catch (error) {
    return { kind: 'invalid', reason: error instanceof Error ? error.message : String(error) }
  }
  if (!Array.isArray(value)) return { kind: 'record', bytes: encoder.encode(text) }
  if (value.length === 0) return { kind: 'none' }
  return { kind: 'record', bytes: encoder.encode(text.slice(1, -1).trim()) }
}

/**
 * PROTOCOL 4.2, M7: the beginning of a stored append: `count` bytes of it, at least one, or of JSON so many of its messages, as they
 * came.
 * @returns undefined when it has not that much
 */
export const firstOf = (contentType: string, record: Uint8Array, count: number): Uint8Array | undefined => {
  if (!isJson(contentType)) return count <= record.length ? record.subarray(0, count) : undefined
  let depth = 0
  let inString = false
  let found = 0
  for (let at = 0; at < record.length; at++) {
    const byte = record[at] ?? 0
    if (byte === quote) inString = !inString
    else if (inString) at += byte === backslash ? 1 : 0
    else if (opening.has(byte)) depth++
    else if (closing.has(byte)) depth--
    else if (byte === separator && depth === 0 && ++found === count) return record.subarray(0, at)
  }
  return found + 1 === count ? record : undefined
}

/** The body that answers a read of these records: for JSON one array of all messages (PROTOCOL 9.1.5, M6), else the bytes. */
export const toBody = (contentType: string, records: readonly Uint8Array[]): Uint8Array => {
  const json = isJson(contentType)
  if (json && records.length === 0) return emptyArray
  if (!json && records.length === 1 && records[0]) return records[0]
  const parts: Uint8Array[] = json ? [emptyArray.subarray(0, 1)] : []
  for (const [index, record] of records.entries()) {
    if (json && index > 0) parts.push(comma)
    parts.push(record)
  }
  if (json) parts.push(emptyArray.subarray(1))
  return concat(parts)
}

const concat = (parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
