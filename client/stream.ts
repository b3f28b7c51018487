import type { Offset } from '../protocol/index.ts'
import { type AppendOptions, type AppendResult, append, type CloseOptions, close } from './append.ts'
import { type Created, type CreateOptions, create } from './create.ts'
import { type Batch, type FollowOptions, follow } from './follow.ts'
import { head, type Metadata } from './head.ts'
import { Producer, type ProducerOptions } from './producer.ts'
import { catchUp, type ReadOptions, type ReadResult, read } from './read.ts'
import { remove } from './remove.ts'
import type { RequestOptions } from './retry.ts'
import { type Settings, type StreamOptions, settle } from './settings.ts'

/**
 * One stream of a Durable Streams server. Holds no connection: every call is a request of its own, and a failed one
 * rejects with a `StreamError`, ABORTED when the caller's signal fired.
 */
export class DurableStream {
  readonly #settings: Settings

  /** @throws TypeError for a URL that is not http, or that carries credentials */
  constructor(options: StreamOptions) {
    this.#settings = settle(options)
  }

  get url(): string {
    return this.#settings.url.href
  }

  /** Makes sure the stream exists (PROTOCOL 5.1). @throws StreamError CONFIG_MISMATCH */
  create(options: CreateOptions = {}): Promise<Created> {
    return create(this.#settings, options)
  }

  /**
   * Appends in one request (PROTOCOL 5.2). With `producer` it is repeated when its outcome is unknown, and the bytes
   * must stay as they are meanwhile; without, a lost answer leaves open whether they were appended.
   * @throws TypeError for no bytes
   */
  append(body: Uint8Array | string, options: AppendOptions = {}): Promise<AppendResult> {
    return append(this.#settings, body, options)
  }

  /** No append is taken after this (PROTOCOL 5.3). Succeeds also when the stream is closed already. */
  close(options: CloseOptions = {}): Promise<{ readonly next: Offset }> {
    return close(this.#settings, options)
  }

  /** PROTOCOL 5.5. */
  head(options: RequestOptions = {}): Promise<Metadata> {
    return head(this.#settings, options)
  }

  /** Deletes the stream (PROTOCOL 5.4). @throws StreamError STREAM_NOT_FOUND */
  remove(options: RequestOptions = {}): Promise<void> {
    return remove(this.#settings, options)
  }

  /** One catch-up read (PROTOCOL 5.6): as much as the server puts in one answer. */
  read(options: ReadOptions = {}): Promise<ReadResult> {
    return read(this.#settings, options)
  }

  /** Catch-up reads until nothing is left to read now. */
  catchUp(options: ReadOptions = {}): AsyncGenerator<ReadResult, void> {
    return catchUp(this.#settings, options)
  }

  /**
   * Every batch from an offset on, once and in order, for as long as the stream is open (PROTOCOL 5.7, 5.8). Reconnects
   * by itself; the next batch is read when it is asked for. Ends when the stream is closed or the signal fires.
   * @throws StreamError when asking again is of no use: a refusal that is not `transient`
   */
  follow(options: FollowOptions = {}): AsyncGenerator<Batch, void> {
    return follow(this.#settings, options)
  }

  /** For appends that must arrive exactly once (PROTOCOL 5.2.1). */
  producer(options: ProducerOptions = {}): Producer {
    return new Producer(this.#settings, options)
  }
}
