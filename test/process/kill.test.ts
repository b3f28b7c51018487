import * as prng from 'lib0/prng'
import { expect, test } from 'vitest'
import * as Y from 'yjs'
import type { DurableStream } from '../../client/index.ts'
import { decodeFrames, namesSnapshot, parseOffset, Query, Sentinel } from '../../protocol/index.ts'
import { type Fleet, keyOf, type Log, launchFleet } from './fleet.ts'
import { command, folder, type LogLine, lastingPort, type Program, serve } from './launch.ts'
import type { Found, Tally } from './ledger.ts'

const rounds = 10
const plan = { streams: 8, writersPerStream: 3, documents: 4, writersPerDocument: 2 }

test('10 rounds of a real server process killed with -9 under 32 concurrent producers; after each restart every acknowledged append is there exactly once, in order, at its offset.', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  const chance = prng.create(seed)
  const port = await lastingPort(() => prng.real53(chance))
  const data = await folder()
  const args = ['--port', `${port}`, '--data', data, '--compact-bytes', '4096']
  const tally: Tally = { lost: 0, duplicated: 0, disordered: 0, misplaced: 0, foreign: 0 }
  const snapshots = new Set<string>()
  const troubles: LogLine[] = []
  let unknown = 0

  let server = await serve(args)
  const fleet = await launchFleet({ ...plan, seed, url: server.url })
  for (let round = 1; round <= rounds; round++) {
    await fleet.after(prng.int32(chance, 200, 1_800))
    await kill(server.program)
    troubles.push(...server.program.log.filter(({ level }) => level >= 40))
    unknown += fleet.logs.reduce((sum, { ledger }) => sum + ledger.unknown, 0)
    if (round % 3 === 0) {
      const starting = command(['serve', ...args])
      await fleet.after(prng.int32(chance, 1, 200)) // between its first instruction and its first answers
      await kill(starting)
    }
    server = await serve(args)
    await verify(fleet, tally, snapshots)
    expect({ seed, round, ...tally }).toEqual({ seed, round, ...nothing })
  }
  await fleet.stop()
  await verify(fleet, tally, snapshots)
  for (const [index, copies] of fleet.copies) await sameAsWriters(fleet.logs[index], copies)
  server.program.signal('SIGTERM')
  expect(await server.program.ended).toEqual({ code: 0, signal: null })

  const sum = (of: (log: Log) => number) => fleet.logs.reduce((total, log) => total + of(log), 0)
  const acknowledged = sum(log => log.ledger.acknowledged)
  process.stdout.write(
    `kill -9: seed ${seed}, rounds ${rounds}, acknowledged ${acknowledged}, lost ${tally.lost}, duplicated ${tally.duplicated}; ` +
      `${unknown} appends were under way at the kills, ${snapshots.size} snapshots seen\n`,
  )
  expect({ ...tally, unknown: sum(log => log.ledger.unknown) }).toEqual({ ...nothing, unknown: 0 })
  expect(troubles).toEqual([])
  expect(unknown).toBeGreaterThan(0)
  expect(snapshots.size).toBeGreaterThan(plan.documents) // the kills fell among compactions, too
})

const nothing: Tally = { lost: 0, duplicated: 0, disordered: 0, misplaced: 0, foreign: 0 }

const kill = async (program: Program): Promise<void> => {
  program.signal('SIGKILL')
  expect(await program.ended).toEqual({ code: null, signal: 'SIGKILL' })
}

/** All logs at once, while the producers go on. */
const verify = async (fleet: Fleet, tally: Tally, snapshots: Set<string>): Promise<void> => {
  await Promise.all(fleet.logs.map(log => verifyLog(log, tally, snapshots)))
}

const verifyLog = async ({ stream, ledger, kind }: Log, tally: Tally, snapshots: Set<string>) => {
  const { highest } = ledger
  const tail = await stream.head()
  expect(tail.next >= highest, `${stream.url} ended at ${highest} and now at ${tail.next}`).toBe(true)
  const promised = ledger.promised()
  const joined = kind === 'document' ? await join(stream) : undefined
  const whole = await readFrom(stream, Sentinel.start)
  ledger.seen(whole.next)
  ledger.check(kind === 'stream' ? lines(whole.bytes) : frames(whole.bytes), promised, tally)
  // An offset given before the kill still means the same place.
  const rest = await readFrom(stream, highest)
  const position = parseOffset(highest)?.position ?? -1
  expect(rest.bytes.subarray(0, whole.bytes.length - position).equals(whole.bytes.subarray(position))).toBe(
    true,
  )
  if (joined) sameFromSnapshot(joined, whole.bytes, snapshots)
}

interface Read {
  readonly bytes: Buffer
  readonly next: Awaited<ReturnType<DurableStream['read']>>['next']
}

const readFrom = async (stream: DurableStream, offset: string): Promise<Read> => {
  const parts: Uint8Array[] = []
  for await (const { bytes, next, upToDate } of stream.catchUp({ offset })) {
    parts.push(bytes)
    if (upToDate) return { bytes: Buffer.concat(parts), next }
  }
  throw new Error('a catch-up read ended without its end')
}

const lines = (bytes: Buffer): readonly Found[] => {
  const found: Found[] = []
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf('\n', from) + 1 || bytes.length
    found.push({ key: bytes.toString('latin1', from, end), end })
    from = end
  }
  return found
}

const frames = (bytes: Buffer): readonly Found[] =>
  decodeFrames(bytes).map(update => ({
    key: keyOf(update),
    end: update.byteOffset - bytes.byteOffset + update.byteLength,
  }))

/** A document as somebody who joins reads it. */
interface Joined {
  /** Undefined when there is no snapshot yet. */
  readonly snapshot: Uint8Array | undefined
  readonly url: string
  /** How much of the log the snapshot stands for. */
  readonly position: number
  readonly tail: Buffer
}

const join = async (stream: DurableStream): Promise<Joined> => {
  const first = await stream.read({ offset: Sentinel.snapshot })
  const offset = new URL(first.url).searchParams.get(Query.offset) ?? ''
  if (!namesSnapshot(offset)) {
    return { snapshot: undefined, url: first.url, position: 0, tail: (await readFrom(stream, offset)).bytes }
  }
  const position = parseOffset(first.next)?.position ?? -1
  const { bytes: tail } = await readFrom(stream, first.next)
  return { snapshot: first.bytes, url: first.url, position, tail }
}

const sameFromSnapshot = ({ snapshot, url, position, tail }: Joined, whole: Buffer, seen: Set<string>) => {
  if (snapshot) seen.add(url)
  const end = position + tail.length
  expect(whole.subarray(position, end).equals(tail)).toBe(true)
  const joined = docOf([...(snapshot ? [snapshot] : []), ...decodeFrames(tail)])
  const full = docOf(decodeFrames(whole.subarray(0, end)))
  expect(stateOf(joined)).toEqual(stateOf(full))
}

const sameAsWriters = async (log: Log | undefined, copies: readonly Y.Doc[]): Promise<void> => {
  if (!log) throw new Error('a document without a log')
  const { bytes } = await readFrom(log.stream, Sentinel.start)
  const union = docOf(copies.map(copy => Y.encodeStateAsUpdate(copy)))
  expect(stateOf(docOf(decodeFrames(bytes)))).toEqual(stateOf(union))
}

const docOf = (updates: readonly Uint8Array[]): Y.Doc => {
  const doc = new Y.Doc()
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  return doc
}

/** What two documents must agree on: the text, what they know, and that nothing waits for something missing. */
const stateOf = (doc: Y.Doc) => ({
  text: doc.getText('body').toString(),
  known: [...Y.decodeStateVector(Y.encodeStateVector(doc))].sort(([a], [b]) => a - b),
  deleted: Y.createDeleteSetFromStructStore(doc.store).clients,
  pending: doc.store.pendingStructs ?? doc.store.pendingDs,
})
