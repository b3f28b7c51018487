import { ClientCode, type StreamError, type StreamErrorCode } from '../client/index.ts'
import { ErrorCode } from '../protocol/index.ts'

/**
 * What stays as it is until somebody does something about it. Each is an event of the provider's.
 * - `unauthorized`: the credentials are not accepted, fresh ones neither
 * - `forbidden`: this caller may not read the document, or not create it
 * - `deleted`: there is no such document, any more or yet
 * - `reset`: there is another document of this name
 * - `too-large`: an edit that cannot be cut is larger than the server takes
 * - `rejected`: the server refuses what was sent, for another reason
 * - `readonly`: this caller may read and not write
 */
export type Condition =
  | 'unauthorized'
  | 'forbidden'
  | 'deleted'
  | 'reset'
  | 'too-large'
  | 'rejected'
  | 'readonly'

/** What the provider asked for. */
export type Verb = 'read' | 'create' | 'append'

/** What a refusal means. `fatal`: nothing more can be done; otherwise reading goes on. */
export interface Verdict {
  readonly condition: Condition | undefined
  readonly fatal: boolean
}

type Row = Readonly<Record<Verb, Verdict>>

const all = (verdict: Verdict): Row => ({ read: verdict, create: verdict, append: verdict })
const stops = (condition: Condition | undefined): Verdict => ({ condition, fatal: true })
const reads = (condition: Condition | undefined): Verdict => ({ condition, fatal: false })

/** Asked again, or mended by whoever asked. */
const passes = all({ condition: undefined, fatal: false })
const refused: Row = { ...all(stops('rejected')), append: reads('rejected') }
const absent = all(stops('deleted'))
const unauthorized = all(stops('unauthorized'))
const forbidden: Row = { ...all(stops('forbidden')), append: reads('readonly') }

/** A code without a row does not compile. */
const rows: Readonly<Record<StreamErrorCode, Row>> = {
  [ErrorCode.invalidRequest]: refused,
  [ErrorCode.unauthorized]: unauthorized,
  [ErrorCode.snapshotNotFound]: absent,
  [ErrorCode.documentNotFound]: absent,
  [ErrorCode.offsetExpired]: passes, // trimmed: read on from the snapshot
  [ErrorCode.rateLimited]: passes,
  [ErrorCode.streamNotFound]: absent,
  [ErrorCode.streamClosed]: refused,
  [ErrorCode.streamDeleted]: absent,
  [ErrorCode.forkTooDeep]: refused,
  [ErrorCode.configMismatch]: refused,
  [ErrorCode.contentTypeMismatch]: refused,
  [ErrorCode.sequenceRegression]: refused,
  [ErrorCode.producerFenced]: passes,
  [ErrorCode.producerGap]: passes,
  [ErrorCode.malformedUpdate]: refused,
  [ErrorCode.causalGap]: refused,
  [ErrorCode.bodyTooLarge]: { ...refused, append: reads('too-large') },
  [ErrorCode.headTooLarge]: refused,
  [ErrorCode.requestTimeout]: passes,
  [ErrorCode.unsupportedEncoding]: refused,
  [ErrorCode.methodNotAllowed]: refused,
  [ErrorCode.notFound]: absent,
  [ErrorCode.tooManyReaders]: passes,
  [ErrorCode.subscriptionNotFound]: refused,
  [ErrorCode.subscriptionExists]: refused,
  [ErrorCode.subscriptionLimit]: refused,
  [ErrorCode.webhookUrlRejected]: refused,
  [ErrorCode.tokenInvalid]: unauthorized,
  [ErrorCode.tokenExpired]: unauthorized,
  [ErrorCode.fenced]: refused,
  [ErrorCode.alreadyClaimed]: refused,
  [ErrorCode.noPendingWork]: refused,
  [ErrorCode.invalidOffset]: refused,
  [ErrorCode.shuttingDown]: passes,
  [ErrorCode.storageFull]: passes,
  [ErrorCode.internal]: passes,
  [ErrorCode.forbidden]: forbidden,
  [ErrorCode.readOnly]: forbidden,
  [ErrorCode.accessUnknown]: passes,
  [ClientCode.network]: passes,
  [ClientCode.timeout]: passes,
  [ClientCode.aborted]: passes,
  [ClientCode.badAnswer]: passes,
  [ClientCode.wentBack]: passes,
  [ClientCode.headersFailed]: passes,
  [ClientCode.conflict]: refused,
  [ClientCode.producerReused]: refused,
}

/** What a refusal, which the client does not try to overcome, means to a provider that asked for `verb`. */
export const verdictOn = (error: StreamError, verb: Verb): Verdict => {
  if (isReset(error)) return stops('reset')
  return (error.transient ? passes : rows[error.code])[verb]
}

/** 410 for an offset of an earlier life of the document. */
export const isReset = ({ code, details }: StreamError): boolean =>
  code === ErrorCode.offsetExpired && details.error?.['reason'] === 'recreated'

/**
 * The server lost its memory of a producer: a restart without a disk, years of absence, or another document of the same name by
 * now. Which of them, only reading on can tell.
 */
export const forgotten: ReadonlySet<string> = new Set<string>([
  ErrorCode.producerGap,
  ErrorCode.producerFenced,
])

/** After these an offset does not tell whether the document is still the one that was read; its content does. */
export const doubtful: ReadonlySet<string> = new Set<string>([...forgotten, ClientCode.wentBack])

/** What an app can do, for people. */
export const advice: Readonly<Record<Condition, string>> = {
  unauthorized:
    'the server does not accept the credentials that `headers` gave; let the person sign in, then call connect()',
  forbidden:
    'this caller may not open the document; ask for the right, or sign in as somebody else, then call connect()',
  deleted:
    'there is no such document on the server; what is in this Y.Doc is untouched and can be kept under another name',
  reset:
    'the document was deleted and created again on the server; open the new one with a new Y.Doc, or the two would be merged',
  'too-large':
    'an edit is larger than the server takes at once and cannot be divided; undo it, or keep large files elsewhere and put a link here. Everything that does not build on it is saved',
  rejected:
    'the server refuses what was sent; it is kept in this Y.Doc and tried again with the next connection. Undo it, or update the app',
  readonly:
    'this caller may read the document and not change it; local edits are kept in this Y.Doc and sent when the right is given and the provider connects again',
}
