import type { ProviderError } from 'durable-streams-yjs'
import type { Env } from 'durable-streams-yjs/client'
import { converged } from './converged.ts'
import { Pacer } from './pacer.ts'
import { join, type Party } from './party.ts'
import { play } from './play.ts'
import { ReplayError } from './replay-error.ts'
import { readStored, type Stored } from './stored.ts'
import { textOf } from './text.ts'
import type { Trace } from './trace.ts'
import { unlessAborted, watched } from './watched.ts'
import { between, type Wire, WireMeter } from './wire-meter.ts'

export interface SessionOptions {
  /** The service. */
  readonly url: string
  /** A document that is not there yet, or empty. */
  readonly name: string
  readonly trace: Trace
  /** As fast as the server saves, when undefined. */
  readonly editsPerSecond: number | undefined
  readonly env: Env
  readonly signal: AbortSignal
  /** Called after each edit with their number so far. */
  onEdit(edits: number): void
  /** A provider met something and goes on trying. */
  onTrouble(error: ProviderError): void
}

/** How a text came out: as the trace ends, or the first place where it does not. */
export type Equality = { readonly equal: true } | { readonly equal: false; readonly differsAt: number }

export interface Outcome {
  /** From the first edit until the server had saved all of them. */
  readonly savedMs: number
  /** From then until all documents were the same; undefined when they did not become so. */
  readonly convergedMs: number | undefined
  /** Of the writers and the follower, from connecting to the end. */
  readonly wire: Wire
  readonly stored: Stored
  readonly writers: readonly Equality[]
  readonly follower: Equality
  readonly joiner: Equality & { readonly ms: number; readonly wire: Wire }
}

const connectMs = 15_000
const quietMs = 30_000

/**
 * Plays a trace into a document through one provider an agent while another follows, and joins once more at the end.
 * @throws ReplayError; TraceError UNPLAYABLE; ProviderError when a provider stopped; StreamError
 */
export const replay = async (options: SessionOptions): Promise<Outcome> => {
  const { url, name, trace, env, onEdit, onTrouble } = options
  const stopped = new AbortController()
  const outer = AbortSignal.any([options.signal, stopped.signal])
  const meter = new WireMeter(new URL(url).origin)
  const parties: Party[] = []
  let trouble: ProviderError | undefined
  const enter = (): Party => {
    const onError = (error: ProviderError) => {
      trouble = error
      if (error.fatal) stopped.abort(error)
      else onTrouble(error)
    }
    const party = join({ url, name, env, onError })
    parties.push(party)
    return party
  }
  const connected = (wanted: readonly Party[]) =>
    watched(env, connectMs, outer, signal =>
      unlessAborted(Promise.all(wanted.map(({ provider }) => provider.whenSynced())), signal),
    ).catch(error => {
      if (!isStall(error)) throw error
      const why = trouble ? `: ${trouble.message}` : ''
      throw new ReplayError('UNREACHABLE', `${url} did not answer within ${connectMs / 1_000} s${why}`)
    })

  try {
    const writers = Array.from({ length: trace.agents }, enter)
    await connected(writers)
    const follower = enter()
    await connected([follower])
    if (follower.doc.store.clients.size > 0) {
      throw new ReplayError('NOT_EMPTY', `the document ${name} has content already; choose another --name`)
    }

    const began = env.now()
    await watched(env, quietMs, outer, async (signal, touch) => {
      let edits = 0
      const [first] = writers
      if (first && trace.startContent !== '') textOf(first.doc).insert(0, trace.startContent)
      await play({
        trace,
        writers,
        pacer: new Pacer(options.editsPerSecond, env),
        env,
        signal,
        onEdit: () => {
          touch()
          onEdit(++edits)
        },
      })
      await unlessAborted(Promise.all(writers.map(({ provider }) => provider.whenSaved())), signal)
    })
    const saved = env.now()
    const together = await settles(
      watched(env, quietMs, outer, (signal, touch) => {
        for (const { doc } of parties) doc.on('update', touch)
        return converged(parties, signal)
      }),
    )
    const convergedMs = together ? env.now() - saved : undefined
    const wire = meter.read()
    const ends = (party: Party) => equality(party.text(), trace.endContent)
    const outcome = { savedMs: saved - began, convergedMs, wire, writers: writers.map(ends) }
    for (const party of parties) party.leave()

    const before = meter.read()
    const joining = env.now()
    const joiner = enter()
    await connected([joiner])
    const ms = env.now() - joining
    const joinWire = between(before, meter.read())
    return {
      ...outcome,
      follower: ends(follower),
      joiner: { ...ends(joiner), ms, wire: joinWire },
      stored: await readStored(url, name, env),
    }
  } finally {
    for (const party of parties) party.leave()
    meter.stop()
  }
}

const isStall = (error: unknown): boolean => error instanceof ReplayError && error.code === 'STALLED'

/** Whether `work` came to an end rather than to a standstill. */
const settles = async (work: Promise<void>): Promise<boolean> => {
  try {
    await work
    return true
  } catch (error) {
    if (isStall(error)) return false
    throw error
  }
}

const equality = (text: string, wanted: string): Equality => {
  if (text === wanted) return { equal: true }
  let differsAt = 0
  while (text[differsAt] === wanted[differsAt]) differsAt++
  return { equal: false, differsAt }
}
