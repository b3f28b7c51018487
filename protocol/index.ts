export {
  type AwarenessEntry,
  AwarenessError,
  absentState,
  decodeAwareness,
  encodeAwareness,
} from './awareness.ts'
export { formatAges, parseAges } from './awareness-ages.ts'
export { decodeFrames, encodeFrames, FrameError } from './frames.ts'
export { isJson, isTextual, mediaType } from './media.ts'
export {
  ContentType,
  Control,
  ControlPath,
  DefaultAwareness,
  DefaultPort,
  Delivery,
  ErrorCode,
  Header,
  IndexSegment,
  LinkType,
  Live,
  OwnHeader,
  Path,
  Present,
  Query,
  ReservedSegment,
  Sentinel,
  SnapshotEvent,
  SseEncoding,
  SseEvent,
  SubscriptionAction,
  SubscriptionStatus,
  type Transport,
} from './names.ts'
export {
  formatOffset,
  namesSnapshot,
  type Offset,
  type Place,
  parseOffset,
  parseSnapshotOffset,
  snapshotOffset,
} from './offset.ts'
export { type Range, Ranges } from './ranges.ts'
export {
  leastPartBytes,
  type SplitOptions,
  type SplitUpdate,
  splitUpdate,
  type TooLarge,
} from './split-update.ts'
export { type ControlEvent, controlEvent, dataEvent, heartbeat, parseControl } from './sse.ts'
export {
  causalGap,
  encodeDeletes,
  isEmptyUpdate,
  readUpdate,
  trimUpdate,
  type UpdateSummary,
} from './update.ts'
export { UpdateError } from './update-error.ts'
export { ownLimits, snapshotLimits, type UpdateLimits, updateLimits } from './update-limits.ts'
