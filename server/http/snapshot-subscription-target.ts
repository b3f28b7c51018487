import { ControlPath, ErrorCode, Path, ReservedSegment } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import { Refusal } from './answer.ts'
import { checkSubscriptionId } from './subscription-target.ts'
import { pathOf, segmentsOf } from './target.ts'

/** A subscription to the snapshots of a service, as its URL names it (YJS 5.11). */
export interface SnapshotKey {
  readonly service: string
  readonly id: string
}

export type SnapshotControl = { readonly kind: 'nothing' } | ({ readonly kind: 'subscription' } & SnapshotKey)

const prefix = segmentsOf(Path.yjs)
const letters = /^[A-Za-z0-9._-]+$/

/**
 * `/v1/yjs/<service>/__ds/…`; undefined for every other target.
 * @throws Refusal for a service or an id that is none
 */
export const snapshotControl = (
  target: string,
  { segmentLength }: Pick<Limits, 'segmentLength'>,
): SnapshotControl | undefined => {
  const segments = segmentsOf(pathOf(target))
  if (prefix.some((word, at) => segments[at] !== word)) return undefined
  const [service, reserved, word, id, ...rest] = segments.slice(prefix.length)
  if (service === undefined || reserved !== ReservedSegment) return undefined
  if (service.length > segmentLength || !letters.test(service)) {
    throw new Refusal({
      status: 400,
      code: ErrorCode.invalidRequest,
      message: `A service has 1 to ${segmentLength} of A-Z a-z 0-9 . _ -.`,
    })
  }
  if (word !== ControlPath.subscriptions || id === undefined || rest.length > 0) return { kind: 'nothing' }
  checkSubscriptionId(id)
  return { kind: 'subscription', service, id }
}
