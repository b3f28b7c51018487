import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseTrace } from '../../bench/trace.ts'
import { readTrace } from '../../bench/trace-file.ts'

const stored = (name: string) => fileURLToPath(new URL(`../traces/${name}`, import.meta.url))

const sequential = {
  startContent: 'ab',
  endContent: 'axb',
  txns: [{ time: '2020-01-01', patches: [[1, 0, 'x']] }],
}
const concurrent = {
  kind: 'concurrent',
  endContent: 'ab',
  numAgents: 2,
  txns: [
    { parents: [], agent: 0, patches: [[0, 0, 'a']] },
    { parents: [], agent: 1, patches: [[0, 0, 'b']] },
    { parents: [0, 1], agent: 1, patches: [] },
    { parents: [2], agent: 0, patches: [[2, 0, 'c']] },
  ],
}

test('a sequential trace is a trace of one agent that saw all before', () => {
  const trace = parseTrace({ ...sequential, txns: [...sequential.txns, { patches: [[0, 1, '']] }] })
  expect(trace).toEqual({
    kind: 'sequential',
    startContent: 'ab',
    endContent: 'axb',
    agents: 1,
    patchCount: 2,
    transactions: [
      { agent: 0, history: [0], patches: [[1, 0, 'x']] },
      { agent: 0, history: [1], patches: [[0, 1, '']] },
    ],
  })
})

test('a concurrent transaction was made after all that its parents know', () => {
  const { agents, transactions } = parseTrace(concurrent)
  expect(agents).toBe(2)
  expect(transactions.map(({ history }) => history)).toEqual([
    [0, 0],
    [0, 0],
    [1, 1],
    [1, 2],
  ])
})

test.each([
  ['seq-friendsforever_flat.json.gz', 'sequential', 1],
  ['conc-friendsforever.json.gz', 'concurrent', 2],
])('%s is read whole', async (name, kind, agents) => {
  const trace = await readTrace(stored(name))
  expect(trace).toMatchObject({ kind, agents, patchCount: 26_078 })
  expect(trace.transactions).toHaveLength(26_078)
  expect(trace.endContent).toHaveLength(21_362)
})

const [first, second] = concurrent.txns
test.each([
  ['a list', [], 'NOT_A_TRACE', 'not a JSON object'],
  ['null', null, 'NOT_A_TRACE', 'not a JSON object'],
  ['another kind', { ...sequential, kind: 'tree' }, 'NOT_A_TRACE', '"tree"'],
  ['no end', { ...sequential, endContent: undefined }, 'NOT_A_TRACE', 'endContent'],
  ['a beginning that is no text', { ...sequential, startContent: 7 }, 'NOT_A_TRACE', 'startContent'],
  ['no transactions', { ...sequential, txns: undefined }, 'NOT_A_TRACE', 'txns'],
  ['a transaction without patches', { ...sequential, txns: [{}] }, 'NOT_A_TRACE', 'transaction 0'],
  ['a patch of two', { ...sequential, txns: [{ patches: [[0, 1]] }] }, 'NOT_A_TRACE', 'a patch'],
  ['a negative place', { ...sequential, txns: [{ patches: [[-1, 0, 'x']] }] }, 'NOT_A_TRACE', 'a patch'],
  ['half a place', { ...sequential, txns: [{ patches: [[0.5, 0, 'x']] }] }, 'NOT_A_TRACE', 'a patch'],
  ['a pair of surrogates', { ...sequential, endContent: '😀' }, 'UNPLAYABLE', 'U+FFFF'],
  ['no agents', { ...concurrent, numAgents: 0 }, 'NOT_A_TRACE', 'numAgents'],
  ['a crowd', { ...concurrent, numAgents: 33 }, 'UNPLAYABLE', '33 agents'],
  ['a beginning for two', { ...concurrent, startContent: 'a' }, 'UNPLAYABLE', 'empty text'],
  ['an agent too many', { ...concurrent, txns: [{ ...first, agent: 2 }] }, 'NOT_A_TRACE', 'transaction 0'],
  ['no parents', { ...concurrent, txns: [{ ...first, parents: 0 }] }, 'NOT_A_TRACE', 'parents'],
  ['itself as parent', { ...concurrent, txns: [{ ...first, parents: [0] }] }, 'NOT_A_TRACE', 'before it'],
  ['a fork of one agent', { ...concurrent, txns: [first, second, first] }, 'UNPLAYABLE', 'agent 0'],
])('%s is no trace to play', (_, value, code, words) => {
  expect(() => parseTrace(value)).toThrow(
    expect.objectContaining({ name: 'TraceError', code, message: expect.stringContaining(words) }),
  )
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-'))
})
afterAll(() => rm(folder, { recursive: true }))

const whole = gzipSync(JSON.stringify(sequential))
test.each([
  ['missing', undefined, 'UNREADABLE', 'cannot be read'],
  ['plain', Buffer.from(JSON.stringify(sequential)), 'UNREADABLE', 'not a whole gzip file'],
  ['cut', whole.subarray(0, -9), 'UNREADABLE', 'not a whole gzip file'],
  ['lines', gzipSync('{}\n{}\n'), 'NOT_A_TRACE', 'one JSON value'],
  ['other', gzipSync('{"name":"x"}'), 'NOT_A_TRACE', 'endContent'],
  ['bomb', gzipSync(Buffer.alloc((256 << 20) + 1, 32)), 'UNPLAYABLE', '256 MiB'],
])('a %s file is refused in words', async (name, bytes, code, words) => {
  const path = join(folder, name)
  if (bytes) await writeFile(path, bytes)
  await expect(readTrace(path)).rejects.toMatchObject({ code, message: expect.stringContaining(words) })
})
