import { partsOf } from '../rules/parts.ts'
import type { StreamState } from '../rules/state.ts'
import type { Record, Slice, Store } from '../store/store.ts'

/**
 * PROTOCOL 4.2: what a store has of a stream from `position` on, in the stream's positions: of a fork one part after
 * another, each from the incarnation that wrote it, until `limit` bytes are reached. As a store's own slice, from inside
 * an append it begins with the next one, and it may end early.
 */
export const readParts = async (
  store: Store,
  state: StreamState,
  position: number,
  limit: number,
): Promise<Slice> => {
  const { generation, origin } = state
  if (!origin) return store.read(generation, position, limit)
  const records: Record[] = []
  let next = position
  let left = limit
  for (const part of partsOf(state)) {
    const isOwn = part.generation === generation
    if (!isOwn && part.to <= next) continue
    const slice = await store.read(
      part.generation,
      next - part.base,
      isOwn ? left : Math.min(left, part.to - next),
    )
    for (const { position: at, bytes } of slice.records) {
      const record = { position: at + part.base, bytes }
      // Every part begins where the one before it ended: what does not is no longer there.
      if (records.length > 0 && (record.position !== next || bytes.byteLength > left))
        return { records, next }
      records.push(record)
      next = record.position + bytes.byteLength
      left -= bytes.byteLength
    }
    if (next !== part.to || left <= 0) break
  }
  return { records, next }
}
