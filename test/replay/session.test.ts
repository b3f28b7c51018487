import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { allEqual } from '../../bench/report.ts'
import { type Outcome, replay, type SessionOptions } from '../../bench/session.ts'
import { parseTrace, type Trace } from '../../bench/trace.ts'
import { readTrace } from '../../bench/trace-file.ts'
import { type Env, realEnv } from '../../client/index.ts'
import { Path } from '../../protocol/index.ts'
import { type Server, startServer } from '../../server/index.ts'
import { compact } from '../../server/yjs/compact.ts'
import { beginningOf, playOffline } from './offline.ts'

const traces = new URL('../traces/', import.meta.url)
const sequential = fileURLToPath(new URL('seq-friendsforever_flat.json.gz', traces))
const concurrent = fileURLToPath(new URL('conc-friendsforever.json.gz', traces))
const slowMs = 30_000 // a second or two on a machine with nothing else to do

/** Compaction as in the thread, without the thread, whose script is a built file. */
const offload = {
  run: async (prefix: Parameters<typeof compact>[0]) => compact(prefix),
  close: async () => {},
}

const troubles: Error[] = []
let data: string
let server: Server | undefined
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'session-'))
})
afterEach(async () => {
  await server?.close()
  server = undefined
  await rm(data, { recursive: true })
  expect(troubles.splice(0)).toEqual([])
})

const start = async (store: 'lmdb' | 'memory'): Promise<void> => {
  server = await startServer({
    port: 0,
    store,
    data,
    offload,
    compactBytes: 100_000,
    limits: { drainMs: 100 },
  })
}

const play = (options: Partial<SessionOptions> & Pick<SessionOptions, 'trace'>) =>
  replay({
    url: `${server?.url}${Path.yjs}replay`,
    name: 'text',
    editsPerSecond: undefined,
    env: realEnv,
    signal: new AbortController().signal,
    onEdit: () => undefined,
    onTrouble: error => troubles.push(error),
    ...options,
  })

const checkEnds = async (trace: Trace): Promise<Outcome> => {
  let edits = 0
  const outcome = await play({
    trace,
    onEdit: so => {
      edits = so
    },
  })
  expect(edits).toBe(trace.transactions.length)
  expect(outcome.writers).toEqual(Array(trace.agents).fill({ equal: true }))
  expect(outcome.follower).toEqual({ equal: true })
  expect(outcome.joiner).toMatchObject({ equal: true })
  expect(allEqual(outcome)).toBe(true)
  expect(outcome.convergedMs).toBeDefined()
  // Everything of the log went up once and came down to every provider.
  const logBytes = outcome.stored.log?.bytes ?? Number.NaN
  expect(outcome.wire.posts).toBeGreaterThan(0)
  expect(outcome.wire.sent).toBeGreaterThan(logBytes)
  expect(outcome.wire.received).toBeGreaterThan(logBytes * (trace.agents + 1))
  return outcome
}

test.each(['lmdb', 'memory'] as const)(
  'every end of a sequential trace is the text that was written, over the %s store',
  async store => {
    await start(store)
    const outcome = await checkEnds(await readTrace(sequential))
    const { log, snapshot } = outcome.stored
    expect(snapshot?.bytes).toBeGreaterThan(0)
    expect(outcome.joiner.wire.received).toBeLessThan(log?.bytes ?? Number.NaN)
  },
  slowMs,
)

test('a concurrent trace played without a server ends as it says', async () => {
  const trace = await readTrace(concurrent)
  expect(playOffline(trace)).toBe(trace.endContent)
})

// Not the whole: 2,446 times somebody in it waits for what the other typed to come through the server.
test.each(['lmdb', 'memory'] as const)(
  'every end of a concurrent trace is the text that its people wrote, over the %s store',
  async store => {
    await start(store)
    await checkEnds(beginningOf(await readTrace(concurrent), 3_000))
  },
  slowMs,
)

test('agents see what the trace says they saw, and what changed nothing holds nobody up', async () => {
  await start('memory')
  const trace = parseTrace({
    kind: 'concurrent',
    endContent: 'xy1!',
    numAgents: 3,
    txns: [
      { parents: [], agent: 0, patches: [[0, 0, 'x']] },
      { parents: [0], agent: 0, patches: [[1, 0, 'y']] },
      // Concurrent with both: its empty text takes no place but the first.
      { parents: [], agent: 1, patches: [[0, 0, '1']] },
      { parents: [1, 2], agent: 2, patches: [] },
      { parents: [3], agent: 1, patches: [[3, 0, '!']] },
    ],
  })
  expect(allEqual(await play({ trace }))).toBe(true)
})

test('a text that ends otherwise than the trace is said to differ, and where', async () => {
  await start('memory')
  const trace = parseTrace({
    startContent: 'one ',
    endContent: 'one twO',
    txns: [{ patches: [[4, 0, 'two']] }],
  })
  const differs = { equal: false, differsAt: 6 }
  const outcome = await play({ trace })
  expect(outcome).toMatchObject({ writers: [differs], follower: differs, joiner: differs })
  expect(outcome.convergedMs).toBeDefined()
})

test('a document with content is not played into', async () => {
  await start('memory')
  const trace = parseTrace({ endContent: 'a', txns: [{ patches: [[0, 0, 'a']] }] })
  await play({ trace })
  await expect(play({ trace })).rejects.toMatchObject({ code: 'NOT_EMPTY' })
})

test('a patch past the end of the text ends the replay', async () => {
  await start('memory')
  const trace = parseTrace({ endContent: 'a', txns: [{ patches: [[1, 0, 'a']] }] })
  await expect(play({ trace })).rejects.toMatchObject({
    code: 'UNPLAYABLE',
    message: expect.stringContaining('transaction 0 reaches to 1 in a text of 0'),
  })
})

test(
  'a replay that is interrupted ends with the reason',
  async () => {
    await start('memory')
    const trace = await readTrace(concurrent)
    const interrupted = new AbortController()
    const reason = new Error('enough')
    const onEdit = (edits: number) => {
      if (edits === 500) interrupted.abort(reason)
    }
    await expect(play({ trace, onEdit, signal: interrupted.signal })).rejects.toBe(reason)
  },
  slowMs,
)

test(
  'typing waits for a server that does not answer, and goes on when it does',
  async () => {
    await start('memory')
    const trace = beginningOf(await readTrace(sequential), 5_000)
    let edits = 0
    let editsAtRest: number | undefined
    let open: () => void = () => undefined
    const gate = new Promise<void>(resolve => {
      open = resolve
    })
    const env: Env = {
      ...realEnv,
      fetch: async (input, init) => {
        if (init?.method === 'POST') await gate
        return realEnv.fetch(input, init)
      },
      sleep: (ms, signal) => {
        if (ms === 1) editsAtRest ??= edits
        if (ms === 1) open()
        return realEnv.sleep(ms, signal)
      },
    }
    const onEdit = (so: number) => {
      edits = so
      if (edits === 5_000) open()
    }
    expect(allEqual(await play({ trace, env, onEdit }))).toBe(true)
    expect(editsAtRest).toBe(2_048)
  },
  slowMs,
)
