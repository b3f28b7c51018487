import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { requireChromium } from '../e2e/chromium.ts'
import { type FileResult, failuresIn } from './failures.ts'

/**
 * `npm test`: everything that must hold, in the order in which a failure is cheapest to understand, and one line at the
 * end that counts it. Arguments go to the test runner, for running a part.
 */
const say = (text: string): void => void process.stdout.write(`${text}\n`)

const run = (command: string, args: readonly string[]): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' })
    child.once('error', reject)
    child.once('exit', code => resolve(code ?? 1))
  })

const began = Date.now()
/** What failed, each as it is told at the end. */
const failures: string[] = []
let passes = 0

const step = async (title: string, work: () => Promise<boolean>): Promise<boolean> => {
  const since = Date.now()
  say(`\n── ${title}`)
  const passed = await work()
  if (passed) passes++
  else failures.push(title)
  say(`── ${title}: ${passed ? 'passed' : 'FAILED'} in ${((Date.now() - since) / 1000).toFixed(1)} s`)
  return passed
}

interface Report {
  readonly numPassedTests: number
  readonly testResults: readonly FileResult[]
}

const vitest = async (args: readonly string[]): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'tests-'))
  const file = join(folder, 'report.json')
  try {
    const code = await run('npx', [
      'vitest',
      'run',
      '--reporter=default',
      '--reporter=json',
      '--passWithNoTests',
      `--outputFile.json=${file}`,
      ...args,
    ])
    const report = JSON.parse(await readFile(file, 'utf8')) as Report
    passes += report.numPassedTests
    const found = failuresIn(report.testResults, process.cwd())
    failures.push(...found)
    if (code !== 0 && found.length === 0)
      failures.push('vitest: no test failed, but something outside of the tests did; see above')
  } finally {
    await rm(folder, { recursive: true })
  }
}

const main = async (filters: readonly string[]): Promise<void> => {
  const built = await step('build', async () => (await run('npm', ['run', '--silent', 'build'])) === 0)
  await step('types', async () => (await run('npm', ['run', '--silent', 'types'])) === 0)
  await step('lint', async () => (await run('npm', ['run', '--silent', 'lint'])) === 0)
  await step('chromium', async () => {
    const found = await requireChromium(say)
    say(found.kind === 'found' ? found.path : found.message)
    return found.kind === 'found'
  })
  if (built) {
    await vitest(['--project=unit', '--project=conformance', '--project=interop', ...filters])
    // One file at a time: these start processes from dist/, and one of them builds it anew.
    await vitest(['--project=process', '--project=e2e', '--no-file-parallelism', ...filters])
  }
  // Once more, where it is seen: what failed first has long scrolled away.
  for (const failure of failures) say(`\nFAILED ${failure}`)
  say(`\nin ${((Date.now() - began) / 1000).toFixed(0)} s`)
  say(`tests: ${passes} passed, ${failures.length} failed`)
  process.exitCode = failures.length === 0 ? 0 : 1
}

await new Command('npm test --')
  .description(
    'Build, types, lint, and every test: unit, contract, simulation, conformance, process, end to end.',
  )
  .argument('[filters...]', 'run only test files whose path contains one of these')
  .action(main)
  .parseAsync()
