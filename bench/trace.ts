/** At `position`, `deleted` characters go and `inserted` comes. */
export type Patch = readonly [position: number, deleted: number, inserted: string]

/** What one person did at once, mostly a keystroke: one Yjs transaction. */
export interface Transaction {
  readonly agent: number
  /** By agent, how many of its transactions this one was made after. Its own are all its earlier ones. */
  readonly history: readonly number[]
  readonly patches: readonly Patch[]
}

export interface Trace {
  readonly kind: 'sequential' | 'concurrent'
  readonly startContent: string
  readonly endContent: string
  /** People who type. */
  readonly agents: number
  readonly transactions: readonly Transaction[]
  readonly patchCount: number
}

/**
 * - `UNREADABLE`: no such file, or not gzip
 * - `NOT_A_TRACE`: it holds something else
 * - `UNPLAYABLE`: a trace, but one that cannot be played as it says
 */
export type TraceErrorCode = 'UNREADABLE' | 'NOT_A_TRACE' | 'UNPLAYABLE'

export class TraceError extends Error {
  override readonly name = 'TraceError'
  readonly code: TraceErrorCode

  constructor(code: TraceErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

const mostAgents = 32 // each is a provider with connections of its own

/**
 * The two formats of github.com/josephg/editing-traces, as one: a sequential trace is a concurrent one of a single agent.
 * @throws TraceError NOT_A_TRACE, UNPLAYABLE
 */
export const parseTrace = (value: unknown): Trace => {
  if (!isRecord(value)) throw notATrace('it is not a JSON object')
  const { kind = 'sequential', startContent = '', endContent, txns, numAgents = 1 } = value
  if (kind !== 'sequential' && kind !== 'concurrent') {
    throw notATrace(`its kind is ${JSON.stringify(kind)}, neither sequential nor concurrent`)
  }
  if (typeof startContent !== 'string') throw notATrace('its startContent is not a text')
  if (typeof endContent !== 'string') throw notATrace('it has no endContent')
  if (!Array.isArray(txns)) throw notATrace('it has no list of txns')
  if (!isCount(numAgents) || numAgents === 0) throw notATrace('its numAgents is not a number of people')
  if (numAgents > mostAgents) throw unplayable(`${numAgents} agents; at most ${mostAgents} can type at once`)
  if (kind === 'concurrent' && startContent !== '') throw unplayable('concurrent, but not from an empty text')
  requireFlatText(startContent, 'its startContent')
  requireFlatText(endContent, 'its endContent')
  const transactions = kind === 'sequential' ? inTurn(txns) : concurrent(txns, numAgents)
  const patchCount = transactions.reduce((sum, { patches }) => sum + patches.length, 0)
  const agents = kind === 'sequential' ? 1 : numAgents
  return { kind, startContent, endContent, agents, transactions, patchCount }
}

const inTurn = (txns: readonly unknown[]): Transaction[] =>
  txns.map((txn, index) => ({ agent: 0, history: [index], patches: patchesOf(txn, index) }))

const concurrent = (txns: readonly unknown[], agents: number): Transaction[] => {
  const known: (readonly number[])[] = [] // by transaction: its history and itself
  const typed = new Array<number>(agents).fill(0)
  return txns.map((txn, index) => {
    const patches = patchesOf(txn, index)
    const { agent, parents } = txn as Record<string, unknown>
    if (!isCount(agent) || agent >= agents) throw notATrace(`transaction ${index} has no agent of ${agents}`)
    if (!Array.isArray(parents)) throw notATrace(`transaction ${index} has no list of parents`)
    const history = new Array<number>(agents).fill(0)
    for (const parent of parents) {
      const of = isCount(parent) ? known[parent] : undefined
      if (!of) throw notATrace(`transaction ${index} has a parent that is not before it`)
      for (const [other, count] of of.entries()) history[other] = Math.max(history[other] ?? 0, count)
    }
    const own = typed[agent] ?? 0
    if (history[agent] !== own) {
      throw unplayable(`transaction ${index} of agent ${agent} was not made after all of that agent's own`)
    }
    typed[agent] = own + 1
    known.push(history.with(agent, own + 1))
    return { agent, history, patches }
  })
}

const patchesOf = (txn: unknown, index: number): readonly Patch[] => {
  if (!isRecord(txn) || !Array.isArray(txn['patches'])) {
    throw notATrace(`transaction ${index} has no list of patches`)
  }
  for (const patch of txn['patches']) {
    if (!isPatch(patch)) {
      throw notATrace(`transaction ${index} has a patch that is not [position, deleted, 'inserted']`)
    }
    requireFlatText(patch[2], `transaction ${index}`)
  }
  return txn['patches']
}

/** Positions count code points; only where each is one UTF-16 unit are they the positions of a string and of Y.Text. */
const requireFlatText = (text: string, whose: string): void => {
  if (/[\ud800-\udfff]/.test(text)) throw unplayable(`${whose} has characters above U+FFFF`)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isPatch = (value: unknown): value is Patch =>
  Array.isArray(value) &&
  value.length === 3 &&
  isCount(value[0]) &&
  isCount(value[1]) &&
  typeof value[2] === 'string'

const notATrace = (why: string) => new TraceError('NOT_A_TRACE', `not an editing trace: ${why}`)
const unplayable = (why: string) => new TraceError('UNPLAYABLE', `this trace cannot be played: ${why}`)
