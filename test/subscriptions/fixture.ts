import { expect } from 'vitest'
import {
  ContentType,
  ControlPath,
  Delivery,
  Header,
  Path,
  ReservedSegment,
  SubscriptionAction,
} from '../../protocol/index.ts'
import { realNetwork } from '../../server/subscriptions/network.ts'
import { type App, codeOf, nextOf, type Opening, openApp, stream } from '../http/fixture.ts'
import { settled } from '../streams/world.ts'
import { type Call, FakeNetwork } from './fake-network.ts'

export const publicUrl = 'https://streams.example.org'
export const hook = 'https://hooks.example.org/a'
export const wakeStream = 'wake/pool'

export type Fields = Readonly<Record<string, unknown>>

/** A subscription as its owner sees it. */
export interface Described {
  readonly id: string
  readonly status: string
  readonly failure?: string
  readonly streams: readonly {
    readonly path: string
    readonly link_type: string
    readonly acked_offset: string
  }[]
}

export interface Claimed {
  readonly wake_id: string
  readonly generation: number
  readonly token: string
  readonly streams: Call['streams']
  readonly lease_ttl_ms: number
}

export type Wake = Pick<Claimed, 'wake_id' | 'generation'> & { readonly token: string }

export const control = (service = ''): string =>
  `${Path.streams}${service === '' ? '' : `${service}/`}${ReservedSegment}/`
export const subscription = (id: string, service = ''): string =>
  `${control(service)}${ControlPath.subscriptions}/${id}`
export const action = (id: string, name: keyof typeof SubscriptionAction, service = ''): string =>
  `${subscription(id, service)}/${SubscriptionAction[name]}`

export const webhookFields: Fields = { type: Delivery.webhook, pattern: 'events/*', webhook: { url: hook } }
export const pullFields: Fields = { type: Delivery.pullWake, pattern: 'events/*', wake_stream: wakeStream }

/** The whole server with subscriptions, in a world and a network of the test's own. */
export const openSubscribed = async (opening: Opening & { readonly realNetwork?: boolean } = {}) => {
  const network = opening.network instanceof FakeNetwork ? opening.network : new FakeNetwork()
  const { realNetwork: isReal = false, ...rest } = opening
  const app = openApp({ subscriptions: { publicUrl }, ...rest, network: isReal ? realNetwork : network })
  await app.subscriptions?.start(publicUrl)
  return { ...app, network, ...verbsOf(app) }
}
export type Subscribed = Awaited<ReturnType<typeof openSubscribed>>

const verbsOf = ({ send, world }: App) => {
  const json = async (method: string, target: string, body: unknown, token?: string): Promise<Response> => {
    const answer = await send(method, target, {
      type: ContentType.json,
      body: JSON.stringify(body),
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    })
    await settled()
    return answer
  }
  const subscribe = (id: string, fields: Fields, service = '') =>
    json('PUT', subscription(id, service), fields)

  /** Appends a message, creating the stream with the first one. @returns the tail */
  const append = async (path: string, message: unknown = { at: world.now() }): Promise<string> => {
    const asked = { type: ContentType.json, body: JSON.stringify(message) }
    const posted = await send('POST', stream(path), asked)
    const answer = posted.status === 404 ? await send('PUT', stream(path), asked) : posted
    expect([201, 204]).toContain(answer.status)
    await world.turn(0)
    return nextOf(answer)
  }

  const describe = async (id: string, service = ''): Promise<Described> => {
    const answer = await send('GET', subscription(id, service))
    expect(answer.status).toBe(200)
    return (await answer.json()) as Described
  }

  /** How far each stream of a subscription was processed. */
  const acked = async (id: string): Promise<Record<string, string>> =>
    Object.fromEntries((await describe(id)).streams.map(one => [one.path, one.acked_offset]))

  const createWakeStream = async (path = wakeStream): Promise<void> => {
    expect((await send('PUT', stream(path), { type: ContentType.json })).status).toBe(201)
  }

  const wakeEvents = async (path = wakeStream): Promise<Record<string, unknown>[]> =>
    (await (await send('GET', stream(path))).json()) as Record<string, unknown>[]

  const claim = (id: string, worker = 'one') => json('POST', action(id, 'claim'), { worker })
  const claimed = async (id: string, worker = 'one'): Promise<Claimed> => {
    const answer = await claim(id, worker)
    expect(answer.status).toBe(200)
    return (await answer.json()) as Claimed
  }

  const answerWake =
    (name: 'ack' | 'callback' | 'release') =>
    (id: string, { wake_id, generation, token }: Wake, fields: Fields = {}) =>
      json('POST', action(id, name), { wake_id, generation, ...fields }, token)

  return {
    json,
    subscribe,
    append,
    describe,
    acked,
    createWakeStream,
    wakeEvents,
    claim,
    claimed,
    ack: answerWake('ack'),
    callback: answerWake('callback'),
    release: answerWake('release'),
  }
}

/** What a webhook needs to call back. */
export const wakeOf = ({ wake_id, generation, callback_token: token }: Call): Wake => ({
  wake_id,
  generation,
  token,
})

export const ackOf = (path: string, offset: string) => ({ stream: path, offset })

export const signatureOf = (headers: Readonly<Record<string, string>>): string =>
  headers[Header.webhookSignature] ?? ''

export { codeOf, nextOf, stream }
