import * as prng from 'lib0/prng'
import * as Y from 'yjs'
import { DurableStream, type StreamOptions } from '../../client/index.ts'
import { ContentType, encodeFrames, Path, parseOffset } from '../../protocol/index.ts'
import { Ledger } from './ledger.ts'

/** Idempotent producers that append as fast as they are answered, for as long as they are let. */

/** A dead server is asked again at once and for ever: it will be back in a moment. */
const retry = { attempts: Number.POSITIVE_INFINITY, baseMs: 20, capMs: 100 }

/** A log several producers write to. */
export interface Log {
  readonly kind: 'stream' | 'document'
  readonly stream: DurableStream
  readonly ledger: Ledger
}

export interface Fleet {
  readonly logs: readonly Log[]
  /** The documents as their writers have them, by the index of their log. */
  readonly copies: ReadonlyMap<number, readonly Y.Doc[]>
  /** Resolves when `count` more things have happened: requests sent, answered, failed. Rejects when a producer gave up. */
  after(count: number): Promise<void>
  /** Lets every append under way end, and starts none. Rejects when a producer gave up. */
  stop(): Promise<void>
}

export interface FleetPlan {
  readonly url: string
  readonly seed: number
  readonly streams: number
  readonly writersPerStream: number
  readonly documents: number
  readonly writersPerDocument: number
}

const positionOf = (offset: string): number => {
  const place = parseOffset(offset)
  if (!place) throw new Error(`${offset} is not an offset`)
  return place.position
}

/** Creates every log and starts every producer. */
export const launchFleet = async (plan: FleetPlan): Promise<Fleet> => {
  let happened = 0
  let wake: (() => void) | undefined
  let wakeAt = Number.POSITIVE_INFINITY
  let stopped = false
  const turn: Turn = {
    happens: () => {
      if (++happened >= wakeAt) wake?.()
    },
    goesOn: () => !stopped,
  }
  const options = (path: string): StreamOptions => ({
    url: `${plan.url}${path}`,
    contentType: ContentType.binary,
    retry,
  })
  const log = (kind: Log['kind'], path: string): Log => ({
    kind,
    stream: new DurableStream(options(path)),
    ledger: new Ledger(positionOf),
  })
  const logs: readonly Log[] = [
    ...Array.from({ length: plan.streams }, (_, index) => log('stream', `${Path.streams}kill/${index}`)),
    ...Array.from({ length: plan.documents }, (_, index) =>
      log('document', `${Path.yjs}kill/${Path.documents}/${index}`),
    ),
  ]
  for (const { stream, ledger } of logs) ledger.seen((await stream.create()).next)

  const copies = new Map<number, Y.Doc[]>()
  const running: Promise<void>[] = []
  for (const [index, target] of logs.entries()) {
    const writers = target.kind === 'stream' ? plan.writersPerStream : plan.writersPerDocument
    for (let writer = 0; writer < writers; writer++) {
      const number = running.length + 1
      const chance = prng.create(plan.seed + number)
      if (target.kind === 'document') {
        const doc = new Y.Doc()
        doc.clientID = number
        copies.set(index, [...(copies.get(index) ?? []), doc])
        running.push(edit(target, doc, chance, turn))
      } else if (writer === 0) running.push(pour(target, `w${number}`, chance, turn))
      else running.push(append(target, `w${number}`, chance, turn))
    }
  }
  const all = Promise.all(running)
  all.catch(() => wake?.())
  return {
    logs,
    copies,
    after: async count => {
      await new Promise<void>(resolve => {
        wakeAt = happened + count
        wake = resolve
      })
      wakeAt = Number.POSITIVE_INFINITY
      await Promise.race([all, undefined])
    },
    stop: async () => {
      stopped = true
      await all
    },
  }
}

interface Turn {
  happens(): void
  goesOn(): boolean
}

/** A line that says who wrote it and which of his it is; now and then a long one. */
const line = (writer: string, count: number, chance: prng.PRNG): string => {
  const length = prng.int32(chance, 0, 60) === 0 ? 20_000 : prng.int32(chance, 0, 300)
  return `${writer} ${count} ${'x'.repeat(length)}\n`
}

/** One append at a time, each under a sequence number of its own. */
const append = async ({ stream, ledger }: Log, writer: string, chance: prng.PRNG, turn: Turn) => {
  for (let seq = 0; turn.goesOn(); seq++) {
    const text = line(writer, seq, chance)
    ledger.issue(writer, text)
    turn.happens()
    const { kind, next } = await stream.append(text, {
      producer: { id: writer, epoch: 0, seq },
      onRetry: turn.happens,
    })
    ledger.acknowledge(text, { next, exact: kind === 'appended' })
    turn.happens()
  }
}

/** Several appends at a time, which the producer joins into requests as it likes. */
const pour = async ({ stream, ledger }: Log, writer: string, chance: prng.PRNG, turn: Turn) => {
  const producer = stream.producer({ id: writer, onRetry: turn.happens })
  for (let count = 0; turn.goesOn(); ) {
    const texts = Array.from({ length: prng.int32(chance, 1, 8) }, () => line(writer, count++, chance))
    await Promise.all(
      texts.map(async text => {
        ledger.issue(writer, text)
        turn.happens()
        const { next } = await producer.append(text)
        ledger.acknowledge(text, { next, exact: false })
        turn.happens()
      }),
    )
  }
}

/** Edits a document and appends what that leads to: one request, one frame an update. */
const edit = async ({ stream, ledger }: Log, doc: Y.Doc, chance: prng.PRNG, turn: Turn) => {
  const writer = `d${doc.clientID}`
  const body = doc.getText('body')
  let updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  for (let seq = 0; turn.goesOn(); seq++) {
    updates = []
    for (let left = prng.int32(chance, 1, 3); left > 0; left--) change(body, chance)
    const keys = updates.map(keyOf)
    for (const key of keys) ledger.issue(writer, key)
    turn.happens()
    const { kind, next } = await stream.append(encodeFrames(updates), {
      producer: { id: writer, epoch: 0, seq },
      onRetry: turn.happens,
    })
    for (const [index, key] of keys.entries()) {
      ledger.acknowledge(key, { next, exact: kind === 'appended' && index === keys.length - 1 })
    }
    turn.happens()
  }
}

const change = (body: Y.Text, chance: prng.PRNG): void => {
  const at = prng.int32(chance, 0, body.length)
  if (body.length > 400 && prng.bool(chance)) body.delete(Math.min(at, body.length - 80), 80)
  else body.insert(at, prng.word(chance, 1, 160))
}

/** What names an update: its bytes. */
export const keyOf = (update: Uint8Array): string => Buffer.from(update).toString('latin1')
