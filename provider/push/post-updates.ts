import type { AppendOptions, DurableStream } from '../../client/index.ts'
import { Query } from '../../protocol/index.ts'
import type { StoredFlight } from '../local/local-store.ts'

/**
 * Appends updates to a document. A flight is the same request each time, so the log gets it once; and it says what it builds on, so a
 * later life of the document refuses it even where it would fit. Servers that do not know `basis` take no notice.
 */
export const postUpdates = async (
  stream: DurableStream,
  { producerId: id, seq, body, basis }: StoredFlight,
  options: Pick<AppendOptions, 'signal' | 'retry' | 'onRetry' | 'keepalive'>,
): Promise<void> => {
  await stream.append(body, {
    ...options,
    producer: { id, epoch: 0, seq },
    query: { [Query.basis]: basis },
  })
}
