import { ControlPath, Path, ReservedSegment, SubscriptionAction } from '../../protocol/index.ts'

/** A subscription as its URL names it. `service` is empty for those above all services (PROTOCOL 6). */
export interface SubscriptionKey {
  readonly service: string
  readonly id: string
}

/** Where application streams lie in the store, and what this room keeps beside them: no URL of a stream leads there. */
export const streamPrefix = 'stream/'
const recordPrefix = 'ds/subscription/'
export const keysStream = 'ds/keys'

export const recordStream = ({ service, id }: SubscriptionKey): string => `${servicePrefix(service)}${id}`
export const servicePrefix = (service: string): string => `${recordPrefix}${service}/`
export const recordsPrefix = recordPrefix

export const keyOf = (recordName: string): SubscriptionKey => {
  const rest = recordName.slice(recordPrefix.length)
  const slash = rest.indexOf('/')
  return { service: rest.slice(0, slash), id: rest.slice(slash + 1) }
}

/** Ids that another API gives begin with the scope they are counted in, up to their last colon. Those of URLs have none. */
export const scopeOf = (id: string): string => id.slice(0, id.lastIndexOf(':') + 1)

/** The store's name of a service-relative path. */
export const streamOf = (service: string, path: string): string =>
  `${streamPrefix}${service === '' ? '' : `${service}/`}${path}`

/** The services whose subscriptions may cover a stream, each with the stream's path as that service sees it. */
export const viewsOf = (stream: string): readonly { readonly service: string; readonly path: string }[] => {
  if (!stream.startsWith(streamPrefix)) return []
  const path = stream.slice(streamPrefix.length)
  const slash = path.indexOf('/')
  const whole = { service: '', path }
  return slash < 0 ? [whole] : [whole, { service: path.slice(0, slash), path: path.slice(slash + 1) }]
}

/** The URLs that a worker is given, below the address this server is reached at. */
export const controlUrl = (publicUrl: string, service: string): string =>
  `${publicUrl}${Path.streams}${service === '' ? '' : `${encodeURIComponent(service)}/`}${ReservedSegment}/`
export const keysUrl = (publicUrl: string, service: string): string =>
  `${controlUrl(publicUrl, service)}${ControlPath.keys}`
export const callbackUrl = (publicUrl: string, { service, id }: SubscriptionKey): string =>
  `${controlUrl(publicUrl, service)}${ControlPath.subscriptions}/${encodeURIComponent(id)}/${SubscriptionAction.callback}`
