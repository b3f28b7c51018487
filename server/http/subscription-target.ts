import { ControlPath, ErrorCode, Path, ReservedSegment, SubscriptionAction } from '../../protocol/index.ts'
import type { SubscriptionKey } from '../subscriptions/names.ts'
import { indexService } from '../yjs/names.ts'
import { Refusal } from './answer.ts'
import { pathOf, segmentsOf } from './target.ts'

type Action = (typeof SubscriptionAction)[keyof typeof SubscriptionAction]

/** What a target below the reserved segment of a service speaks of (PROTOCOL 6). */
export type ControlTarget =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'keys'; readonly service: string }
  | { readonly kind: 'subscription' | Action; readonly key: SubscriptionKey }
  | { readonly kind: 'stream'; readonly key: SubscriptionKey; readonly path: string }

const invalid = (message: string): Refusal =>
  new Refusal({ status: 400, code: ErrorCode.invalidRequest, message })

const prefix = segmentsOf(Path.streams)
const subscriptionId = /^[A-Za-z0-9._~-]{1,128}$/
/** YJS 5.11: of a subscription that the Yjs extension keeps above all services. Its webhook calls back here. */
const deliveryId = /^[a-z]{1,8}(?::[A-Za-z0-9_-]{1,300}){2}$/
const actions = new Set<string>(Object.values(SubscriptionAction))
const isAction = (text: string): text is Action => actions.has(text)

/**
 * `/v1/stream/[<service>/]__ds/…`: at the root of all streams or of one service; further down the reserved segment names
 * nothing. No service is subscribed to by the name under which documents of all services have their indexes. Undefined for
 * every other target.
 * @throws Refusal for an id or a path that is none
 */
export const controlTarget = (target: string, nameBytes: number): ControlTarget | undefined => {
  const segments = segmentsOf(pathOf(target))
  if (prefix.some((word, at) => segments[at] !== word)) return undefined
  const below = segments.slice(prefix.length)
  const at = below.indexOf(ReservedSegment)
  if (at !== 0 && at !== 1) return undefined
  const service = below.slice(0, at).join('')
  checkLength(service, nameBytes)
  const [word, id, action, ...path] = below.slice(at + 1)
  if (word === ControlPath.keys && id === undefined) return { kind: 'keys', service }
  if (word !== ControlPath.subscriptions || id === undefined || service === indexService)
    return { kind: 'nothing' }
  const isDelivery = service === '' && action === SubscriptionAction.callback && path.length === 0
  if (!(isDelivery && deliveryId.test(id))) checkSubscriptionId(id)
  const key = { service, id }
  if (action === undefined) return { kind: 'subscription', key }
  if (path.length === 0) return isAction(action) ? { kind: action, key } : { kind: 'nothing' }
  if (action !== SubscriptionAction.streams) return { kind: 'nothing' }
  return { kind: 'stream', key, path: streamPath(path.join('/'), service, nameBytes) }
}

/** @throws Refusal */
export const checkSubscriptionId = (id: string): void => {
  if (!subscriptionId.test(id)) throw invalid('The id of a subscription has 1 to 128 of A-Z a-z 0-9 . _ ~ -.')
}

/**
 * A service-relative path of an application stream as the store knows it: slashes at its ends, and runs of them, do not
 * count, as in a URL.
 * @throws Refusal
 */
export const streamPath = (text: string, service: string, nameBytes: number): string => {
  const segments = text.split('/').filter(Boolean)
  if (segments.length === 0) throw invalid('The path of a stream is empty. Give it relative to the service.')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are refused
  if (segments.some(part => part === '.' || part === '..' || /[\u0000-\u001f\u007f\\]/.test(part))) {
    throw invalid('The path of a stream holds a "." or ".." segment, a backslash or a control character.')
  }
  if (segments.includes(ReservedSegment)) {
    throw invalid(`A stream's path has no segment ${ReservedSegment}: that is reserved.`)
  }
  const path = segments.join('/')
  checkLength(`${service}/${path}`, nameBytes)
  if (/\p{Surrogate}/u.test(path)) throw invalid('The path of a stream is not well-formed text.')
  return path
}

const checkLength = (name: string, nameBytes: number): void => {
  if (Buffer.byteLength(name) > nameBytes) {
    throw invalid(
      `The path is longer than ${nameBytes} bytes, service and slashes counted. Choose a shorter one.`,
    )
  }
}
