import type { Usage } from './own-server.ts'
import type { Equality, Outcome } from './session.ts'
import type { Trace } from './trace.ts'
import type { Wire } from './wire-meter.ts'

export interface Told {
  /** What the trace is called. */
  readonly title: string
  readonly trace: Trace
  readonly outcome: Outcome
  /** Of a server of our own. */
  readonly usage: Usage | undefined
}

/** Whether every document ended as the trace says. */
export const allEqual = ({ writers, follower, joiner }: Outcome): boolean =>
  [...writers, follower, joiner].every(({ equal }) => equal)

/** The outcome in aligned lines. */
export const report = ({ title, trace, outcome, usage }: Told): string => {
  const { savedMs, wire, stored, writers, follower, joiner } = outcome
  const edits = trace.transactions.length
  const perSecond = (edits * 1_000) / Math.max(savedMs, 1)
  const agents = trace.agents === 1 ? 'one agent' : `${trace.agents} agents`
  const rows: (readonly [string, string])[] = [
    ['trace', `${title}, ${trace.kind}, ${agents}`],
    ['edits', `${whole(edits)} transactions of ${whole(trace.patchCount)} patches`],
    ['time', `${seconds(savedMs)} s from the first edit until all were saved`],
    ['edits/s', whole(perSecond)],
    ['requests', requests(wire)],
    ['wire', `${bytes(wire.sent)} sent, ${bytes(wire.received)} received, headers included`],
    ['log', stored.log ? `${bytes(stored.log.bytes)} in ${whole(stored.log.updates)} updates` : 'trimmed'],
    ['snapshot', snapshot(outcome)],
    ['lag', lag(outcome)],
    ['join', `${seconds(joiner.ms)} s, ${requests(joiner.wire)}, ${bytes(joiner.wire.received)} received`],
    ...(usage ? [['server', cost(usage, edits)] as const] : []),
    ...writers.map(
      (writer, agent) => [writers.length > 1 ? `writer ${agent}` : 'writer', verdict(writer)] as const,
    ),
    ['follower', verdict(follower)],
    ['new reader', verdict(joiner)],
  ]
  const width = Math.max(...rows.map(([label]) => label.length))
  const lines = rows.map(([label, text]) => `${label.padEnd(width)}  ${text}`)
  return `${lines.join('\n')}\n`
}

const whole = (value: number): string => Math.round(value).toLocaleString('en-US')
const bytes = (value: number): string => `${whole(value)} B`
const seconds = (ms: number): string => (ms / 1_000).toFixed(ms < 10_000 ? 3 : 1)

const requests = ({ posts, gets, others }: Wire): string =>
  [`${whole(posts)} POST`, `${whole(gets)} GET`, ...(others > 0 ? [`${whole(others)} other`] : [])]
    .filter(text => !text.startsWith('0 '))
    .join(', ')

const snapshot = ({ stored }: Outcome): string =>
  stored.snapshot
    ? `${bytes(stored.snapshot.bytes)}, and ${bytes(stored.snapshot.tailBytes)} of log past it`
    : 'none'

const lag = ({ convergedMs }: Outcome): string =>
  convergedMs === undefined
    ? 'follower never became the same as the writer'
    : `follower the same ${seconds(convergedMs)} s after all were saved`

const cost = ({ cpuMs, rssBytes }: Usage, edits: number): string =>
  `${seconds(cpuMs)} s of CPU (${whole((cpuMs * 1_000) / Math.max(edits, 1))} µs an edit), ${whole(rssBytes / (1 << 20))} MiB resident`

const verdict = (end: Equality): string =>
  end.equal ? 'equal: yes' : `equal: no, differs from character ${whole(end.differsAt)} on`
