import { setImmediate } from 'node:timers/promises'
import type { Env } from 'durable-streams-yjs/client'
import { type Desk, SharedDesk, soloDesk } from './desk.ts'
import { Exchange } from './exchange.ts'
import type { Pacer } from './pacer.ts'
import type { Party } from './party.ts'
import type { Trace } from './trace.ts'

/** Edits that may wait for the server. Above what a provider remembers one by one it would send them as one difference. */
export const mostUnsaved = 2_048
const editsAtOnce = 64 // before the event loop gets its turn

export interface PlayOptions {
  readonly trace: Trace
  /** One an agent. */
  readonly writers: readonly Party[]
  readonly pacer: Pacer
  readonly env: Env
  readonly signal: AbortSignal
  /** Called after each edit. */
  onEdit(): void
}

/**
 * Types a whole trace, each agent on its own and as far ahead of the others as the trace allows.
 * @throws TraceError UNPLAYABLE; the reason of the signal
 */
export const play = async (options: PlayOptions): Promise<void> => {
  const { trace, writers } = options
  const desks = desksFor(trace, writers)
  await Promise.all(desks.map((desk, agent) => playAgent(desk, agent, options)))
}

const desksFor = (trace: Trace, writers: readonly Party[]): readonly Desk[] => {
  const [writer] = writers
  if (trace.agents === 1 && writer) return [soloDesk(writer.doc)]
  const exchange = new Exchange(trace.agents)
  const ids = ascendingClientIds(trace.agents)
  return writers.map(
    ({ doc }, agent) => new SharedDesk(agent, trace.agents, doc, ids[agent] ?? agent, exchange),
  )
}

/** The traces were recorded by something that puts the concurrent insert of the lower agent first; Yjs goes by client id. */
const ascendingClientIds = (count: number): readonly number[] => {
  const ids = new Set<number>()
  while (ids.size < count) ids.add(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0)
  return [...ids].sort((a, b) => a - b)
}

const playAgent = async (desk: Desk, agent: number, options: PlayOptions): Promise<void> => {
  const { trace, writers, pacer, env, signal, onEdit } = options
  const provider = writers[agent]?.provider
  let atOnce = 0
  for (const [index, transaction] of trace.transactions.entries()) {
    if (transaction.agent !== agent) continue
    if (++atOnce === editsAtOnce) {
      atOnce = 0
      await setImmediate()
    }
    while ((provider?.unsaved?.updates ?? 0) >= mostUnsaved && !signal.aborted) await env.sleep(1, signal)
    await desk.sees(transaction.history, signal)
    await pacer.turn(signal)
    signal.throwIfAborted()
    desk.type(transaction, index)
    onEdit()
  }
}
