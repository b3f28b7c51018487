import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replaying-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** The command, with a temporary directory of its own. It plays the built package. */
const run = (args: readonly string[]) => {
  const child = spawn(process.execPath, ['--import', 'tsx', 'bench/replay.ts', ...args], {
    cwd: root,
    env: { ...process.env, TMPDIR: folder },
  })
  const said = { out: '', err: '' }
  child.stdout.on('data', chunk => {
    said.out += chunk
  })
  child.stderr.on('data', chunk => {
    said.err += chunk
  })
  return { child, said, ended: once(child, 'close').then(([status]) => status as number | null) }
}

const write = async (endContent: string, texts: readonly string[]): Promise<string> => {
  const txns = texts.map((text, at) => ({ patches: [[at, 0, text]] }))
  const path = join(folder, 'trace.json.gz')
  await writeFile(path, gzipSync(JSON.stringify({ startContent: '', endContent, txns })))
  return path
}

test('a trace that ends equal is reported with status 0, and nothing is left behind', async () => {
  const { said, ended } = run([await write('abc', ['a', 'b', 'c'])])
  expect(await ended, said.err).toBe(0)
  expect(said.out).toMatch(/^trace +trace\.json\.gz, sequential, one agent\nedits +3 transactions/)
  expect(said.out).toMatch(/writer +equal: yes\nfollower +equal: yes\nnew reader +equal: yes\n$/)
  expect(said.err).toContain('100 %, 3 of 3 edits\n')
  expect((await readdir(folder)).filter(name => name.startsWith('replay-'))).toEqual([])
}, 30_000)

test('a trace that ends otherwise is reported with status 1', async () => {
  const { said, ended } = run([await write('abd', ['a', 'b', 'c'])])
  expect(await ended, said.err).toBe(1)
  expect(said.out).toContain('new reader  equal: no, differs from character 2 on\n')
}, 30_000)

test('an interrupted replay ends its server and takes its store along', async () => {
  const trace = await write('a'.repeat(10_000), new Array(10_000).fill('a'))
  const { child, said, ended } = run([trace, '--speed', '2000'])
  child.stderr.on('data', () => {
    if (said.err.includes('10 %')) child.kill('SIGINT')
  })
  expect(await ended, said.err).toBe(1)
  expect(said.err).toContain('stopped by SIGINT')
  expect(said.out).toBe('')
  expect((await readdir(folder)).filter(name => name.startsWith('replay-'))).toEqual([])
}, 30_000)

test.each([
  [['--speed', 'fast', 'x'], 'whole number'],
  [['--url', 'localhost', 'x'], 'http://host/v1/yjs/<service>'],
  [['--name', '../x', 'x'], 'A-Z a-z 0-9'],
  [['--url', 'http://localhost/v1/yjs/a', '--compact-bytes', '9', 'x'], 'cannot be used with'],
  [['nowhere.json.gz'], 'nowhere.json.gz cannot be read'],
])(
  '%j is refused in words, with status 1',
  async (args, words) => {
    const { said, ended } = run(args)
    expect(await ended).toBe(1)
    expect(said.err).toContain(words)
    expect(said.out).toBe('')
  },
  30_000,
)
