import type { Network, WebhookAnswer, WebhookRequest } from '../../server/subscriptions/network.ts'
import type { Target } from '../../server/subscriptions/target.ts'

export const publicAddress = '93.184.216.34'

/** What a webhook was told. */
export interface Call {
  readonly subscription_id: string
  readonly wake_id: string
  readonly generation: number
  readonly streams: readonly {
    readonly path: string
    readonly link_type: string
    readonly acked_offset: string
    readonly tail_offset: string
    readonly has_pending: boolean
  }[]
  readonly callback_url: string
  readonly callback_token: string
}

export interface Sent extends WebhookRequest {
  readonly target: Target
  readonly call: Call
}

/** A network in which every name has a public address and every webhook answers 200, until a test says otherwise. */
export class FakeNetwork implements Network {
  readonly sent: Sent[] = []
  addresses: readonly string[] = [publicAddress]
  /** Rejects as `post` does. */
  respond: (sent: Sent) => WebhookAnswer | Promise<WebhookAnswer> = () => answered(200)

  get last(): Sent {
    const sent = this.sent.at(-1)
    if (!sent) throw new Error('nothing was sent')
    return sent
  }

  readonly resolve = async (): Promise<readonly string[]> => this.addresses

  readonly post = async (
    target: Target,
    request: WebhookRequest,
    _answerBytes: number,
    signal: AbortSignal,
  ): Promise<WebhookAnswer> => {
    const sent = { ...request, target, call: JSON.parse(request.body) as Call }
    this.sent.push(sent)
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
    })
    return Promise.race([this.respond(sent), stopped])
  }
}

export const answered = (status: number, body: unknown = {}): WebhookAnswer => ({
  status,
  body: Buffer.from(JSON.stringify(body)),
})

/** An answer that never comes. */
export const silence = (): Promise<WebhookAnswer> => new Promise(() => undefined)
