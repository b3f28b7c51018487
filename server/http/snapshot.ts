import {
  ContentType,
  ErrorCode,
  formatOffset,
  Header,
  parseSnapshotOffset,
  Query,
  Sentinel,
  snapshotOffset,
} from '../../protocol/index.ts'
import type { Documents } from '../yjs/documents.ts'
import type { DocumentName } from '../yjs/names.ts'
import { answer, refuse } from './answer.ts'
import { documentPath } from './document-target.ts'
import type { Exchange } from './exchange.ts'
import { missingDocument, missingSnapshot } from './missing.ts'
import { isNotModified } from './not-modified.ts'

/** YJS 5.1: where to begin, as a redirect. Short-lived, so that a crowd of joiners asks once. */
export const respondDiscovery = async (
  c: Exchange,
  documents: Documents,
  name: DocumentName,
  query: URLSearchParams,
): Promise<Response> => {
  const found = await documents.discover(name)
  if (!found) return refuse(c, missingDocument)
  const { state, pointer } = found
  const place = pointer && { generation: state.generation, position: pointer.position }
  const next = new URLSearchParams(query)
  next.set(Query.offset, place ? snapshotOffset(formatOffset(place)) : Sentinel.start)
  return answer(c, 307, {
    Location: `${documentPath(name)}?${next}`,
    'Cache-Control': 'private, max-age=5',
  })
}

/**
 * YJS 5.2. What a snapshot's URL names never changes, so who has it may keep it for ever; a shared cache asks now and then
 * whether it is still there, so that a document that was deleted is not handed out for ever.
 */
export const respondSnapshot = async (
  c: Exchange,
  documents: Documents,
  name: DocumentName,
  offset: string,
): Promise<Response> => {
  const place = parseSnapshotOffset(offset)
  if (!place) {
    return refuse(c, {
      status: 400,
      code: ErrorCode.invalidRequest,
      message: `A snapshot is named <offset>_${Sentinel.snapshot}, by an offset this server answered.`,
    })
  }
  const state = await documents.load(name)
  if (!state) return refuse(c, missingDocument)
  const bytes =
    state.generation === place.generation ? await documents.snapshots.read(name, place) : undefined
  if (!bytes) return refuse(c, missingSnapshot)
  const headers = {
    'Cache-Control': 'public, max-age=31536000, s-maxage=300, immutable',
    ETag: `"${offset}"`,
    [Header.nextOffset]: formatOffset(place),
  }
  if (isNotModified(c, headers.ETag)) return answer(c, 304, headers)
  return answer(c, 200, { ...headers, 'Content-Type': ContentType.binary }, bytes)
}
