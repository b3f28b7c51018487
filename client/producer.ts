import { ContentType, ErrorCode, isJson, type Offset } from '../protocol/index.ts'
import { type AppendResult, appendOnce, closeOnce } from './append.ts'
import type { Attempt } from './attempt.ts'
import { concat } from './bytes.ts'
import { ClientCode, StreamError, type StreamErrorCode } from './error.ts'
import { arrayOf } from './json.ts'
import { limits } from './limits.ts'
import { type Earlier, retrying } from './retry.ts'
import type { Settings } from './settings.ts'
import { uuid } from './uuid.ts'

export interface ProducerOptions {
  /** Who appends. Two producers with the same id and epoch swallow each other's writes; random when left out. */
  readonly id?: string
  /** To use an id again after a restart, one more than the last `epoch` of it. */
  readonly epoch?: number
  /** In place of the stream's own. JSON makes every append one message; other bytes are strung together. */
  readonly contentType?: string
  /** Ends all waiting: what is not durable by then rejects with ABORTED. */
  readonly signal?: AbortSignal
  readonly onRetry?: (error: StreamError, delayMs: number) => void
}

export interface Produced {
  /** The offset after the request that this append was part of, where the server said one. */
  readonly next: Offset | undefined
}

interface Item {
  readonly bytes: Uint8Array
  readonly closes: boolean
  done(): Promise<Produced>
  resolve(result: Produced): void
  reject(error: unknown): void
}

/**
 * Appends exactly once, however often a request has to be repeated (PROTOCOL 5.2.1). One request is under way at a
 * time; what is appended meanwhile goes into the next one and shares its fate. Tries for ever, until the server refuses
 * or the signal fires. It stops for good when it can no longer tell what became of a request.
 */
export class Producer {
  readonly id: string
  readonly epoch: number
  readonly #settings: Settings
  readonly #options: ProducerOptions
  readonly #json: boolean
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #seq = 0
  #waiting: Item[] = []
  #sending: Item[] = []
  #stopped: StreamError | undefined

  constructor(settings: Settings, options: ProducerOptions) {
    this.id = options.id ?? uuid(settings.env)
    this.epoch = options.epoch ?? 0
    this.#settings = settings
    this.#options = options
    this.#json = isJson(this.#contentType)
  }

  /**
   * Resolves when the bytes are durable. They are copied: the caller may use its memory again.
   * @throws TypeError for no bytes, or on a JSON stream for what is not JSON
   * @throws StreamError PRODUCER_FENCED, PRODUCER_GAP (with `details`), PRODUCER_REUSED, STREAM_CLOSED and every other
   * refusal; what stopped the producer is what all later appends get
   */
  async append(body: Uint8Array | string): Promise<Produced> {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : new Uint8Array(body)
    if (bytes.length === 0) throw new TypeError('there is nothing to append')
    if (this.#json) this.#requireJson(bytes)
    return this.#add(bytes, false)
  }

  /** Resolves when everything appended so far is durable; rejects when some of it was refused. */
  async flush(): Promise<void> {
    await Promise.all([...this.#sending, ...this.#waiting].map(item => item.done()))
  }

  /** Closes the stream with the last of what was appended so far, in one request. Takes nothing more after that. */
  close(): Promise<Produced> {
    return this.#add(new Uint8Array(), true)
  }

  get #contentType(): string {
    return this.#options.contentType ?? this.#settings.contentType ?? ContentType.binary
  }

  #requireJson(bytes: Uint8Array): void {
    try {
      JSON.parse(this.#decoder.decode(bytes))
    } catch (cause) {
      throw new TypeError('a JSON stream takes JSON', { cause })
    }
  }

  #add(bytes: Uint8Array, closes: boolean): Promise<Produced> {
    if (this.#stopped) return Promise.reject(this.#stopped)
    if (this.#waiting.at(-1)?.closes || this.#sending.at(-1)?.closes) return Promise.reject(this.#closed())
    const idle = this.#waiting.length === 0 && this.#sending.length === 0
    const done = new Promise<Produced>((resolve, reject) => {
      this.#waiting.push({ bytes, closes, done: () => done, resolve, reject })
    })
    if (idle) void this.#pump()
    return done
  }

  async #pump(): Promise<void> {
    await undefined // what is appended in the same turn goes into one request
    while (this.#waiting.length > 0) {
      const items = this.#take()
      this.#sending = items
      try {
        const result = await this.#send(items)
        if (items.at(-1)?.closes) this.#stopped = this.#closed()
        for (const item of items) item.resolve(result)
      } catch (error) {
        for (const item of items) item.reject(error)
      }
      this.#sending = []
      if (this.#stopped) for (const item of this.#waiting.splice(0)) item.reject(this.#stopped)
    }
  }

  /** As many as one request holds, up to the one that closes. */
  #take(): Item[] {
    let size = 0
    let count = 0
    for (const { bytes, closes } of this.#waiting) {
      size += bytes.length + 1
      if (count > 0 && size > limits.joinBytes) break
      count++
      if (closes) break
    }
    return this.#waiting.splice(0, count)
  }

  async #send(items: readonly Item[]): Promise<Produced> {
    const body = this.#join(items.map(item => item.bytes).filter(bytes => bytes.length > 0))
    const close = items.some(item => item.closes)
    const { signal, onRetry } = this.#options
    let unsure = false
    const once = async (attempt: Attempt, earlier: Earlier) => {
      unsure = earlier.unsure
      const options = {
        producer: { id: this.id, epoch: this.epoch, seq: this.#seq },
        contentType: this.#contentType,
        close,
      }
      if (body === undefined) return closeOnce(this.#settings, attempt, options)
      const result = await appendOnce(this.#settings, attempt, body, options)
      if (result.kind === 'duplicate') this.#requireOurs(result, unsure)
      return result
    }
    try {
      const retry = { attempts: Number.POSITIVE_INFINITY }
      const { next } = await retrying(this.#settings, { signal, onRetry, retry }, once)
      this.#seq++
      return { next }
    } catch (error) {
      if (error instanceof StreamError && (unsure || !error.refused || stopping.has(error.code)))
        this.#stopped = error
      throw error
    }
  }

  #join(parts: readonly Uint8Array[]): Uint8Array | string | undefined {
    if (parts.length === 0) return undefined
    return this.#json ? arrayOf(parts.map(bytes => this.#decoder.decode(bytes))) : concat(parts)
  }

  /**
   * A duplicate is good news when an earlier try was lost. Otherwise the server has heard our id and sequence number
   * from somebody else and dropped these bytes. Only after a first request of our own may it be that a browser repeated
   * one unasked, as they do when a kept connection turns out to be dead.
   */
  #requireOurs({ seq }: AppendResult, unsure: boolean): void {
    const overtaken = seq !== undefined && seq > this.#seq
    const neverSent = !unsure && this.#seq === 0 && this.#options.id !== undefined
    if (!overtaken && !neverSent) return
    throw new StreamError(ClientCode.producerReused, `the producer id ${this.id} is in use, or was before`, {
      url: this.#settings.url.href,
    })
  }

  #closed(): StreamError {
    return new StreamError(ErrorCode.streamClosed, 'this producer closed the stream', {
      url: this.#settings.url.href,
    })
  }
}

/** Refusals after which nothing this producer sends can succeed. */
const stopping = new Set<StreamErrorCode>([
  ErrorCode.producerFenced,
  ErrorCode.producerGap,
  ErrorCode.streamClosed,
  ClientCode.producerReused,
])
