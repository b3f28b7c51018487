import { ContentType, Header } from '../../protocol/index.ts'
import type { World } from '../world.ts'
import { type Allowed, isAllowed } from './address.ts'
import type { Keys } from './keys.ts'
import { addressesOf, type Network } from './network.ts'
import { signWebhook } from './signature.ts'
import { checkAddresses, checkUrl, hostOf, type Target, type Verdict } from './target.ts'

export interface WebhookOptions {
  readonly network: Network
  readonly world: World
  readonly keys: Keys
  readonly allowed: readonly Allowed[]
  /** From looking up the host to the last byte of the answer. */
  readonly timeoutMs: number
  readonly answerBytes: number
  readonly urlLength: number
}

export type DeliveryResult =
  | { readonly kind: 'delivered'; readonly done: boolean }
  | { readonly kind: 'failed'; readonly reason: string }

/** Takes wakes to webhooks, and says beforehand whether one may be used (PROTOCOL 7.1, 12.8). */
export class Webhooks {
  readonly #options: WebhookOptions

  constructor(options: WebhookOptions) {
    this.#options = options
  }

  /**
   * D1 What cannot be checked is not accepted: also a host that does not resolve is rejected.
   * Nothing is sent to it.
   */
  check(text: string): Promise<Verdict<Target>> {
    return this.#within(new AbortController().signal, signal => this.#target(text, signal)).catch(error => ({
      rejected: `its host could not be resolved (${reasonOf(error)})`,
    }))
  }

  /**
   * One attempt. Never rejects.
   * - D2 The URL is checked again, with the addresses its host has now.
   * - D3 Only a 2xx that arrived whole within the time and size allowed is a delivery; redirects are not followed.
   * - D4 `{ "done": true }` in it finishes the wake.
   */
  async deliver(url: string, body: string, stopped: AbortSignal): Promise<DeliveryResult> {
    const { network, keys, world, answerBytes } = this.#options
    try {
      return await this.#within(stopped, async signal => {
        const target = await this.#target(url, signal)
        if ('rejected' in target) return failed(`the URL is refused: ${target.rejected}`)
        const { signing } = await keys.ring()
        const headers = {
          'Content-Type': ContentType.json,
          [Header.webhookSignature]: signWebhook(body, signing, world.now()),
        }
        const answer = await network.post(target, { headers, body }, answerBytes, signal)
        if (answer.status < 200 || answer.status > 299) return failed(`it answered ${answer.status}`)
        return { kind: 'delivered', done: saysDone(answer.body) }
      })
    } catch (error) {
      return failed(`it could not be reached: ${reasonOf(error)}`)
    }
  }

  async #target(text: string, signal: AbortSignal): Promise<Verdict<Target>> {
    const { network, allowed, urlLength } = this.#options
    const url = checkUrl(text, allowed, urlLength)
    if ('rejected' in url) return url
    const isNamed = isAllowed(allowed, hostOf(url))
    const addresses = await until(signal, addressesOf(network, url, isNamed))
    return checkAddresses(url, addresses, allowed)
  }

  async #within<Result>(
    stopped: AbortSignal,
    task: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const { world, timeoutMs } = this.#options
    const late = new AbortController()
    const cancel = world.after(timeoutMs, () => late.abort(new Error(`no answer within ${timeoutMs} ms`)))
    try {
      return await task(AbortSignal.any([stopped, late.signal]))
    } finally {
      cancel()
    }
  }
}

/** A lookup cannot be called off; this stops waiting for it. */
const until = <Result>(signal: AbortSignal, task: Promise<Result>): Promise<Result> =>
  new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    task.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })

const failed = (reason: string): DeliveryResult => ({ kind: 'failed', reason })

/** An aborted request says only that it was; why is the reason of the signal. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'AbortError' && error.cause instanceof Error) return error.cause.message
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}

const saysDone = (body: Uint8Array): boolean => {
  try {
    const answer: unknown = JSON.parse(Buffer.from(body).toString())
    return typeof answer === 'object' && answer !== null && 'done' in answer && answer.done === true
  } catch {
    return false
  }
}
