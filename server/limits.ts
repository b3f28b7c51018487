import { updateLimits } from '../protocol/index.ts'
import { bytes, characters, type Limit, mebibytes, ms, number } from './limit.ts'
import { subscriptionLimits } from './subscription-limits.ts'

export type { Limit } from './limit.ts'

/** Every bound this process has. A line here is also a flag, an environment variable, a line of `--help` and of `docs/limits.md`. */
export const limitGroups = {
  Connections: {
    headersMs: ms(10_000, 'time for the head of a request', {
      beyond: '408 within a second, and the connection is closed',
      why: 'a head that dribbles in must not hold a connection for ever',
    }),
    requestMs: ms(30_000, 'time for a whole request; at least that for its head', {
      beyond: '408 within a second, and the connection is closed; nothing is appended',
      why: 'the same for a body; the largest allowed takes this long at 2.2 Mbit/s',
    }),
    keepAliveMs: ms(65_000, 'silence of a connection between two requests', {
      beyond: 'the connection is closed',
      why: 'above the 60 s that proxies keep theirs, so that they close first and no request is lost',
    }),
    answerRate: bytes(4 << 10, 'of an answer that is not live, taken in each second', {
      beyond: 'a slower answer is cut, once it took longer than it would at this rate and stallMs more',
      why: 'answers are in memory as a whole until they are taken; a modem is as fast as this',
    }),
    headerBytes: bytes(16 << 10, 'head of a request', {
      beyond: '431, and the connection is closed',
      why: 'tokens and cookies fit; it is read before anybody is known',
      least: 1_024,
      most: 1 << 20,
    }),
    headerCount: number(64, 'header lines of a request', {
      beyond: '431, and the connection is closed',
      why: 'browsers send about 20, proxies add some; none may be left out silently: one says who asks',
      least: 16,
      most: 1_000,
    }),
    drainMs: ms(10_000, 'time from SIGTERM to exit', {
      beyond: 'what is still being sent is cut',
      why: 'appends finish and live readers are released in much less; supervisors kill after 10 to 30 s',
    }),
    handshakeMs: ms(10_000, 'time for the TLS handshake', {
      beyond: 'the connection is closed',
      why: 'as for a head; a handshake takes a second on the worst of networks',
    }),
    sessionStreams: number(250, 'requests under way on one HTTP/2 connection', {
      beyond: 'the stream is refused; clients know the number and wait',
      why: 'two live reads for each of a hundred tabs of a browser, which share one connection, and room for appends',
      least: 8,
      most: 10_000,
    }),
    sessionMb: mebibytes(64, 'bytes that wait to be sent, and state, of one HTTP/2 connection', {
      beyond: 'further streams are refused until some of it was taken',
      why: 'answers are in memory as a whole; one large snapshot must not stop the other tabs',
      least: 1,
      most: 4_096,
    }),
    silentMs: ms(500, 'from SIGTERM, wait for a connection that has not asked for anything yet', {
      beyond: 'the connection is closed',
      why: 'browsers open connections ahead of need; what they ask may be on its way',
    }),
  },
  Requests: {
    bodyBytes: bytes(8 << 20, 'request body', {
      beyond: '413, and the connection is closed; nothing is appended',
      why: 'one body is in memory as a whole before it is judged; a provider sends far less at a time',
    }),
    nameBytes: bytes(512, 'path of a stream, decoded', {
      beyond: '400',
      why: 'names are keys of the store, which has room for 1,000 bytes with what goes before and behind',
      most: 800,
    }),
    producerIdLength: characters(256, 'id of a producer', {
      beyond: '400',
      why: 'each is a key of the store; clients send UUIDs',
      most: 400,
    }),
    forkDepth: number(64, 'sources behind a fork', {
      beyond: '409 FORK_TOO_DEEP',
      why: 'every commit to a fork writes down, and every read of it steps through, all it inherits from',
      most: 1_000,
    }),
    readBytes: bytes(1 << 20, 'catch-up answer of more than one append', {
      beyond: 'the answer ends and the reader comes back for more',
      why: 'the answer is in memory as a whole',
    }),
  },
  'Live reads': {
    readersPerStream: number(10_000, 'live readers of one stream', {
      beyond: '503 with Retry-After, never a longer queue',
      why: 'an append is written to each of them',
    }),
    longPollMs: ms(25_000, 'wait of a long-poll', {
      beyond: '204, and the reader asks again',
      why: 'below the 30 s after which some proxies cut an idle request',
    }),
    sseMs: ms(60_000, 'life of an SSE answer, give or take a tenth', {
      beyond: 'the answer ends and the reader resumes from its offset',
      why: 'caches can put readers together again (PROTOCOL 10.2)',
    }),
    heartbeatMs: ms(15_000, 'silence on an SSE answer', {
      beyond: 'a comment is sent',
      why: 'three fit into the 45 s that a client waits before it takes the connection for dead',
    }),
    backlogBytes: bytes(64 << 10, 'bytes queued for one slow live reader', {
      beyond: 'nothing more is queued: it catches up from the store',
      why: 'so that slow readers cost the memory of a socket, not of the stream',
    }),
    stallMs: ms(30_000, 'time in which a live reader with a full queue takes nothing', {
      beyond: 'the connection is cut; the reader resumes from its offset',
      why: 'a phone in a tunnel comes back within it; a dead one must not stay',
    }),
  },
  Documents: {
    segmentLength: characters(128, 'service, and each segment of a document’s path', {
      beyond: '400',
      why: 'names are keys of the store',
      most: 200,
    }),
    documentPathLength: characters(256, 'path of a document', {
      beyond: '400',
      why: 'names are keys of the store',
      most: 500,
    }),
    framesPerPost: number(1_000, 'Yjs updates in one request', {
      beyond: '400; nothing is stored',
      why: 'each is decoded before the request is stored',
    }),
    updateStructs: number(updateLimits.structs, 'structs of one update', {
      beyond: '400 MALFORMED_UPDATE',
      why: 'each is an object in every reader; a megabyte of unjoined keystrokes holds at most 95,000',
    }),
    updateClients: number(updateLimits.clients, 'clients of one update', {
      beyond: '400 MALFORMED_UPDATE',
      why: 'each is an entry of every state vector from then on',
    }),
    updateDeleteRanges: number(updateLimits.deleteRanges, 'deleted ranges of one update', {
      beyond: '400 MALFORMED_UPDATE',
      why: 'each costs every reader a search and perhaps a split',
    }),
    updateRootNames: number(updateLimits.rootNames, 'root types one update names', {
      beyond: '400 MALFORMED_UPDATE',
      why: 'Yjs walks all of them for each struct that names one: 20,000 cost a second, 40,000 four',
    }),
    updateSubdocuments: number(updateLimits.subdocuments, 'subdocuments of one update', {
      beyond: '400 MALFORMED_UPDATE',
      why: 'each is a whole document in every reader, about 2 kB',
    }),
    updateNesting: number(updateLimits.nesting, 'depth of a value in an update', {
      beyond: '400 MALFORMED_UPDATE',
      why: 'Yjs recurses into values and overflows between 3,000 and 10,000; snapshots are read up to this',
      most: updateLimits.nesting,
    }),
    updateClock: number(updateLimits.clock, 'clock at which a run of an update ends', {
      beyond: '400 MALFORMED_UPDATE',
      why: 'above it clocks are no longer exact',
    }),
    gapRanges: number(100, 'missing ranges that a CAUSAL_GAP lists', {
      beyond: 'the list is cut and says so',
      why: 'the first are enough to go on: what follows them is asked for again',
    }),
    causalClients: number(1_000_000, 'clients remembered in all to tell what an update builds on', {
      beyond: 'the documents used longest ago are read again when they are written to',
      why: 'about 100 bytes each',
    }),
    compactHeapMb: mebibytes(1_024, 'heap of the compaction thread', {
      beyond: 'that compaction fails; the document stays readable and writable from its log',
      why: 'a document too large to build must fail alone, not with the process',
      least: 16,
    }),
    compactMs: ms(60_000, 'time for one compaction', {
      beyond: 'that compaction fails; the document stays readable and writable from its log',
      why: 'documents take turns in one thread',
    }),
    compactFailures: number(3, 'failed compactions of a document in a row', {
      beyond: 'it is left uncompacted until a restart',
      why: 'one that is too large or too broken would fail for ever, at the expense of others',
    }),
    snapshotGraceMs: ms(10_000, 'time a superseded snapshot stays', {
      beyond: '404 SNAPSHOT_NOT_FOUND, and the reader asks where to begin again',
      why: 'twice the 5 s for which the answer that names it may be kept',
    }),
  },
  Presence: {
    awarenessNameLength: characters(64, 'name of an awareness stream', {
      beyond: '400',
      why: 'a name, not a place for data',
      most: 128,
    }),
    awarenessBodyBytes: bytes(64 << 10, 'body of an awareness request', {
      beyond: '413, and the connection is closed; nothing is relayed',
      why: 'presence is small, and every reader gets all of it',
    }),
    awarenessPerDocument: number(16, 'awareness streams of one document', {
      beyond: '409',
      why: 'each lives in memory',
      most: 1_000,
    }),
    awarenessBytes: bytes(256 << 10, 'bytes kept of one awareness stream', {
      beyond: 'before it gets there the older half is forgotten; a reader behind gets 410 and joins anew',
      why: 'it lives in memory',
    }),
    awarenessClients: number(1_000, 'clients of one awareness stream that joiners are told of', {
      beyond: 'the others are relayed, not remembered',
      why: 'it lives in memory, and a joiner gets all of it at once',
    }),
    awarenessOutdatedMs: ms(30_000, 'silence of a client in an awareness stream', {
      beyond: 'joiners are not told of it any more',
      why: 'y-protocols takes a client for away then',
    }),
    awarenessIdleMs: ms(3_600_000, 'time in which nobody uses an awareness stream, in whole seconds', {
      beyond: 'it is gone; an append creates it again',
      why: 'as YJS 11 says',
      least: 1_000,
    }),
  },
  Subscriptions: subscriptionLimits,
  Access: {
    requestsPerSecond: number(20_000, 'requests a second of one caller, or of an address that names none', {
      beyond: '429 with Retry-After; a second’s worth may come at once',
      why: 'far above what a person’s editors ask, a whole office behind one address included; lower it to share out a server',
    }),
    writtenBytesPerSecond: bytes(256 << 20, 'request bodies a second of one caller', {
      beyond: '429 with Retry-After before the body is read; what a single body has beyond it is owed',
      why: 'more than a disk takes for long; lower it to share out a server',
    }),
    readersPerCaller: number(20_000, 'live readers of one caller', {
      beyond: '429 with Retry-After',
      why: 'each is a connection and is written to; a person has two a document',
    }),
    connectionsPerAddress: number(20_000, 'connections of one address; not counted behind proxies', {
      beyond: 'one more is closed at once, unanswered: to answer it would be to serve it',
      why: 'each costs memory before anybody is known; browsers open six, an office many times that',
    }),
    callersTracked: number(10_000, 'callers and addresses whose use is remembered', {
      beyond: 'the one longest silent is forgotten, and may use its second’s worth anew',
      why: 'about 400 bytes each; whoever has more addresses than that has no limit by address anyway',
    }),
    authorizeMs: ms(5_000, 'time for `authorize` to answer', {
      beyond: '503 with Retry-After, never a yes',
      why: 'a key set or a session is fetched in it; every request waits for it',
    }),
    recheckMs: ms(15_000, 'time between two questions whether a live answer may go on', {
      beyond: 'it is asked again; a refusal ends the answer',
      why: 'who loses access sees no more after it; every live reader costs a question that often',
    }),
  },
  Store: {
    storeBytes: bytes(Number.MAX_SAFE_INTEGER, 'size of the data file', {
      beyond: '507; what is stored can be read and removed',
      why: 'by default the disk is the limit, the same way; an eighth, 32 MiB at most, stays free for removing',
      least: 1 << 20,
    }),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Limit>>>>

type Groups = typeof limitGroups
export type LimitName = { [Group in keyof Groups]: keyof Groups[Group] }[keyof Groups]
export type Limits = Readonly<Record<LimitName, number>>

export const limitTable = Object.assign({}, ...Object.values(limitGroups)) as Readonly<
  Record<LimitName, Limit>
>
export const limitNames = Object.keys(limitTable) as readonly LimitName[]

export const defaultLimits = Object.fromEntries(
  limitNames.map(name => [name, limitTable[name].value]),
) as Limits

/** `bodyBytes` is `body-bytes`. */
export const flagOf = (name: string): string => name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)

/** What a limit may be set to, in words. */
export const rangeOf = ({ least, most }: Pick<Limit, 'least' | 'most'>): string =>
  `a whole number ${most < Number.MAX_SAFE_INTEGER ? `from ${least} to ${most}` : `of at least ${least}`}`

export const isWithin = (value: number, { least, most }: Pick<Limit, 'least' | 'most'>): boolean =>
  Number.isSafeInteger(value) && value >= least && value <= most

/**
 * The limits given, and the defaults of the others.
 * @throws RangeError for a name that is none, a value that cannot be, or two that do not go together
 */
export const settleLimits = (given: Partial<Limits> = {}): Limits => {
  const settled: Record<string, number> = { ...defaultLimits }
  for (const [name, value] of Object.entries(given)) {
    if (!isLimitName(name)) throw new RangeError(`there is no limit ${name}`)
    if (value === undefined) continue
    const { unit } = limitTable[name]
    if (!isWithin(value, limitTable[name])) {
      const what = unit === 'number' ? '' : ` of ${unit}`
      throw new RangeError(`the limit ${name} must be ${rangeOf(limitTable[name])}${what}, not ${value}`)
    }
    settled[name] = value
  }
  const limits = settled as Limits
  if (limits.requestMs < limits.headersMs) {
    throw new RangeError(
      'the limit requestMs (--request-ms) must be at least headersMs: a whole request includes its head',
    )
  }
  return limits
}

const isLimitName = (name: string): name is LimitName => Object.hasOwn(limitTable, name)
