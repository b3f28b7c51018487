import { ContentType } from '../../protocol/index.ts'
import type { StreamState } from '../../server/rules/state.ts'

/** An open binary stream of ten bytes, or what a test makes of it. */
export const streamState = (changes: Partial<StreamState> = {}): StreamState => ({
  generation: 7,
  start: 0,
  tail: 10,
  config: { contentType: ContentType.binary },
  closed: false,
  ...changes,
})

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)
