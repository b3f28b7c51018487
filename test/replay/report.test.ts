import { expect, test } from 'vitest'
import { tenths } from '../../bench/progress.ts'
import { allEqual, report } from '../../bench/report.ts'
import type { Outcome } from '../../bench/session.ts'
import { parseTrace } from '../../bench/trace.ts'

const trace = parseTrace({
  endContent: 'abc',
  txns: [...'abc'].map((text, at) => ({ patches: [[at, 0, text]] })),
})
const outcome: Outcome = {
  savedMs: 1_500,
  convergedMs: 12,
  wire: { posts: 1_234, gets: 5, others: 1, sent: 1_000_000, received: 2_345 },
  stored: { log: { bytes: 9_876, updates: 40 }, snapshot: { bytes: 321, tailBytes: 1_000 } },
  writers: [{ equal: true }],
  follower: { equal: true },
  joiner: { equal: true, ms: 80, wire: { posts: 0, gets: 3, others: 0, sent: 900, received: 5_000 } },
}
const told = { title: 'three.json.gz', trace, outcome, usage: { cpuMs: 30, rssBytes: 100 << 20 } }

test('the report has a line a figure, aligned', () => {
  expect(report(told)).toBe(`\
trace       three.json.gz, sequential, one agent
edits       3 transactions of 3 patches
time        1.500 s from the first edit until all were saved
edits/s     2
requests    1,234 POST, 5 GET, 1 other
wire        1,000,000 B sent, 2,345 B received, headers included
log         9,876 B in 40 updates
snapshot    321 B, and 1,000 B of log past it
lag         follower the same 0.012 s after all were saved
join        0.080 s, 3 GET, 5,000 B received
server      0.030 s of CPU (10,000 µs an edit), 100 MiB resident
writer      equal: yes
follower    equal: yes
new reader  equal: yes
`)
  expect(allEqual(outcome)).toBe(true)
})

test('the report says who differs and from where on', () => {
  const writers = [{ equal: true }, { equal: false, differsAt: 1_200 }] as const
  const odd = { ...outcome, writers, convergedMs: undefined, stored: { log: undefined, snapshot: undefined } }
  const text = report({ ...told, outcome: odd, usage: undefined })
  expect(text).toContain('writer 0    equal: yes\n')
  expect(text).toContain('writer 1    equal: no, differs from character 1,200 on\n')
  expect(text).toContain('lag         follower never became the same as the writer\n')
  expect(text).toContain('log         trimmed\nsnapshot    none\n')
  expect(text).not.toContain('server')
  expect(allEqual(odd)).toBe(false)
})

test.each([
  ['follower', { ...outcome, follower: { equal: false, differsAt: 0 } as const }],
  ['new reader', { ...outcome, joiner: { ...outcome.joiner, equal: false, differsAt: 0 } as const }],
])('a %s that differs makes the whole unequal', (_, odd) => {
  expect(allEqual(odd)).toBe(false)
})

test('progress without a terminal is a line a tenth', () => {
  const lines: string[] = []
  const progress = tenths(25, line => lines.push(line))
  for (let edit = 1; edit <= 25; edit++) progress.at(edit)
  expect(lines).toHaveLength(10)
  expect(lines[0]).toBe('10 %, 3 of 25 edits\n')
  expect(lines[9]).toBe('100 %, 25 of 25 edits\n')
})
