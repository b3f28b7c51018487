import { type DurableStream, StreamError } from '../../client/index.ts'
import { ErrorCode, Ranges } from '../../protocol/index.ts'
import { isReset } from '../condition.ts'
import type { Replica } from '../replica.ts'

/** The server lists so many ranges at a time; a document that lacks more than this many lists is not the one edited here. */
const mostInRow = 100

/** What is done about CAUSAL_GAP: the document on the server lacks what was sent builds on. */
export class Gap {
  readonly #replica: Replica
  readonly #stream: DurableStream
  #inRow = 0

  constructor(replica: Replica, stream: DurableStream) {
    this.#replica = replica
    this.#stream = stream
  }

  /** Something was taken. */
  close(): void {
    this.#inRow = 0
  }

  /**
   * Whether it can be mended: the difference is then more than was thought.
   * @throws StreamError when there is another document of the name, or none
   */
  async canMend(error: StreamError, signal: AbortSignal): Promise<boolean> {
    if (error.code !== ErrorCode.causalGap) return false
    await this.#lookAgain(signal)
    if (signal.aborted) return false
    const missing = missingOf(error)
    const { ledger, doc } = this.#replica
    return ledger.lacks(missing, doc) && !missing.isEmpty && ++this.#inRow <= mostInRow
  }

  /** Another document of the same name lacks everything, and must not get it: not every server says so by itself. */
  async #lookAgain(signal: AbortSignal): Promise<void> {
    const { offset } = this.#replica
    if (offset === undefined) return
    try {
      await this.#stream.read({ offset, signal, retry: { attempts: Number.POSITIVE_INFINITY } })
    } catch (error) {
      const isTrimmed =
        error instanceof StreamError && error.code === ErrorCode.offsetExpired && !isReset(error)
      if (!isTrimmed && !signal.aborted) throw error
    }
  }
}

/** What the refusal lists. */
const missingOf = ({ details }: StreamError): Ranges => {
  const missing = new Ranges()
  const listed = details.error?.['missing']
  for (const range of Array.isArray(listed) ? listed : []) {
    const { client, clock, length } = range as Record<string, unknown>
    if (isCount(client) && isCount(clock) && isCount(length) && Number.isSafeInteger(clock + length)) {
      missing.add(client, clock, length)
    }
  }
  return missing
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
