import { formatOffset, type Place } from '../../protocol/index.ts'

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
