import { type ChildProcess, fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Verdict } from './seed-process.ts'

const program = fileURLToPath(new URL('./seed-process.ts', import.meta.url))

/** Of real time: a seed takes a fraction of a second, with little of a busy machine a minute. */
const limitMs = 600_000

/** Seeds after which a process is replaced by a fresh one: whatever it gathered is gone with it. */
const lifetime = 2_000

/** A seed takes a tenth of this memory. Stacks cost time; whoever replays a seed has them. */
const flags = ['--import', 'tsx', '--max-old-space-size=512', '--stack-trace-limit=1']

interface Job {
  readonly seed: number
  settle(failure: string | undefined): void
}

/** Runs seeds in processes of their own, several at a time: a run that never ends, or ends its process, is a failure as well. */
export class SeedPool {
  readonly size: number
  readonly #waiting: Job[] = []
  readonly #idle: Runner[] = []
  readonly #all = new Set<Runner>()
  /** The most memory that one of the processes took. */
  peakBytes = 0

  constructor(size = availableParallelism()) {
    this.size = size
  }

  /** @returns what went wrong in a run of `seed`; undefined when nothing did */
  run(seed: number): Promise<string | undefined> {
    return new Promise(settle => {
      this.#waiting.push({ seed, settle })
      this.#next()
    })
  }

  /** Ends every process; what was asked and not answered never is. */
  async close(): Promise<void> {
    this.#waiting.length = 0
    await Promise.all([...this.#all].map(runner => runner.end()))
  }

  #next(): void {
    const job = this.#waiting[0]
    const runner = job && (this.#idle.pop() ?? this.#start())
    if (!job || !runner) return
    this.#waiting.shift()
    void runner.run(job.seed).then(({ failure, peakBytes }) => {
      this.peakBytes = Math.max(this.peakBytes, peakBytes)
      if (runner.isSpent) {
        this.#all.delete(runner)
        void runner.end()
      } else this.#idle.push(runner)
      job.settle(failure)
      this.#next()
    })
  }

  #start(): Runner | undefined {
    if (this.#all.size >= this.size) return undefined
    const runner = new Runner()
    this.#all.add(runner)
    return runner
  }
}

class Runner {
  readonly #child: ChildProcess
  readonly #ended: Promise<string>
  #left = lifetime
  #broken = false

  constructor() {
    this.#child = fork(program, { execArgv: flags, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    this.#ended = new Promise(resolve => {
      this.#child.once('exit', (code, signal) => resolve(`the process ended with ${signal ?? code}`))
    })
  }

  /** Whether it must not be asked again. */
  get isSpent(): boolean {
    return this.#broken || this.#left <= 0
  }

  async run(seed: number): Promise<Verdict> {
    this.#left--
    let answered: (verdict: Verdict) => void = () => undefined
    const answer = new Promise<Verdict>(resolve => {
      answered = resolve
    })
    this.#child.once('message', answered)
    const late = () => answered(this.#break(`did not end within ${limitMs / 1_000} s`))
    const timer = setTimeout(late, limitMs)
    this.#child.send(seed, () => undefined)
    const verdict = await Promise.race([answer, this.#ended.then(how => this.#break(how))])
    clearTimeout(timer)
    this.#child.off('message', answered)
    return verdict
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  #break(failure: string): Verdict {
    this.#broken = true
    return { failure, peakBytes: 0 }
  }
}
