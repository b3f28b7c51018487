import { ContentType } from '../../protocol/index.ts'
import { inheritedBefore } from '../../server/rules/parts.ts'
import type { StreamState } from '../../server/rules/state.ts'

/** An open binary stream of ten bytes, or what a test makes of it. */
export const streamState = (changes: Partial<StreamState> = {}): StreamState => ({
  generation: 7,
  start: 0,
  tail: 10,
  config: { contentType: ContentType.binary },
  closed: false,
  refs: 0,
  deleted: false,
  ...changes,
})

/** A fork of `source` at `position`, without bytes of its own, or what a test makes of it. */
export const forkOf = (
  source: StreamState,
  position: number,
  changes: Partial<StreamState> = {},
): StreamState => {
  const inherited = inheritedBefore(source, position)
  const origin = {
    source: 'stream/source',
    generation: source.generation,
    depth: (source.origin?.depth ?? 0) + 1,
    root: source.origin?.root ?? source.generation,
    base: position,
    inherited,
    subOffset: 0,
    ownLifetime: false,
  }
  return streamState({
    generation: source.generation + 1,
    start: inherited[0]?.from ?? position,
    tail: position,
    origin,
    ...changes,
  })
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)
