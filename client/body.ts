import type { Attempt } from './attempt.ts'
import { concat } from './bytes.ts'

/** The body of an answer as it comes, each chunk within `limitMs`. The reader is let go whichever way this ends. */
export async function* chunks(
  attempt: Attempt,
  response: Response,
  limitMs: number,
): AsyncGenerator<Uint8Array, void> {
  if (!response.body) return
  const reader = response.body.getReader()
  const release = () => {
    reader.cancel().catch(() => {}) // it fails only when the body failed already
  }
  attempt.signal.addEventListener('abort', release)
  try {
    for (;;) {
      const { done, value } = await attempt.within(limitMs, () => reader.read())
      if (done) return
      yield value
    }
  } finally {
    attempt.signal.removeEventListener('abort', release)
    release()
  }
}

/**
 * The whole body, or no more than a chunk beyond `most` bytes of it. Reading it to its end is what lets a connection be
 * used again.
 */
export const readBody = async (
  attempt: Attempt,
  response: Response,
  limitMs: number,
  most = Number.POSITIVE_INFINITY,
): Promise<Uint8Array> => {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks(attempt, response, limitMs)) {
    parts.push(chunk)
    size += chunk.length
    if (size >= most) break
  }
  return concat(parts)
}
