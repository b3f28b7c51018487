import { formatOffset, IndexSegment, Path, type Place } from '../../protocol/index.ts'

/** A document as its URL names it: `/v1/yjs/<service>/docs/<path>`. Both were validated, so neither holds an `@`. */
export interface DocumentName {
  readonly service: string
  readonly path: string
}

/** The streams a document is made of. `@` divides, so no document's path is a prefix of another's parts. */
export const logStream = ({ service, path }: DocumentName): string => `document/${service}/${path}`
/** The document whose log a stream is, or undefined when it is no log. */
export const documentOf = (stream: string): DocumentName | undefined => {
  const [, service, path] = /^document\/([^/]+)\/(.+)$/.exec(stream) ?? []
  return service !== undefined && path !== undefined ? { service, path } : undefined
}
export const snapshotPrefix = ({ service, path }: DocumentName): string => `snapshot/${service}/${path}@`
export const snapshotStream = (name: DocumentName, place: Place): string =>
  `${snapshotPrefix(name)}${formatOffset(place)}`
export const presencePrefix = ({ service, path }: DocumentName): string => `presence/${service}/${path}@`
export const presenceStream = (name: DocumentName, awareness: string): string =>
  `${presencePrefix(name)}${awareness}`

/**
 * YJS 5.11: the stream that tells of a document's snapshots, and the application streams it lies among: a subscription
 * above all services finds it at this path. No document's path has such a segment.
 */
const applicationPrefix = 'stream/'
/** As a service of streams it would be one whose streams tell of all others. */
export const indexService = Path.yjs.split('/').filter(Boolean).at(-1) ?? ''
const indexRoot = `${indexService}/`
export const indexPath = ({ service, path }: DocumentName): string =>
  `${indexRoot}${service}/${Path.documents}/${path}/${IndexSegment}`
export const indexStream = (name: DocumentName): string => `${applicationPrefix}${indexPath(name)}`
/** Whether a stream's name is one that only this server writes to. */
export const isIndexStream = (stream: string): boolean =>
  stream.startsWith(`${applicationPrefix}${indexRoot}`) && stream.endsWith(`/${IndexSegment}`)
/** The document whose index a stream is, or undefined when it is no document's. */
export const documentOfIndex = (stream: string): DocumentName | undefined => {
  if (!isIndexStream(stream)) return undefined
  const [service, documents, ...path] = stream
    .slice(applicationPrefix.length + indexRoot.length)
    .split('/')
    .slice(0, -1)
  if (service === undefined || documents !== Path.documents || path.length === 0) return undefined
  return { service, path: path.join('/') }
}

/** Beside a document while its index may lack its current snapshot. */
export const untoldPrefix = 'untold/'
export const untoldStream = ({ service, path }: DocumentName): string => `${untoldPrefix}${service}/${path}`
export const documentOfUntold = (stream: string): DocumentName => {
  const rest = stream.slice(untoldPrefix.length)
  const slash = rest.indexOf('/')
  return { service: rest.slice(0, slash), path: rest.slice(slash + 1) }
}
