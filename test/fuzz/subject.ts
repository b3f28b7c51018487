import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scriptOf } from './built-script.ts'
import { Finding } from './finding.ts'
import type { Measure } from './probe.ts'

const builtServer = fileURLToPath(new URL('../../dist/server/main.js', import.meta.url))

/** Waits and lives short enough that an execution meets their ends, bodies small enough that it meets theirs. */
export const bounds = {
  bodyBytes: 128 << 10,
  compactBytes: 16 << 10,
  framesPerPost: 100,
  readersPerStream: 4,
} as const
const flags = {
  '--long-poll-ms': 200,
  '--sse-ms': 2_000,
  '--heartbeat-ms': 300,
  '--stall-ms': 2_000,
  '--drain-ms': 5_000,
  '--body-bytes': bounds.bodyBytes,
  '--compact-bytes': bounds.compactBytes,
  '--frames-per-post': bounds.framesPerPost,
  '--readers-per-stream': bounds.readersPerStream,
} as const

const startMs = 30_000
const error = 50 // of pino

/** The built server, as a process of its own with a durable store in a fresh directory, and a probe inside it. */
export class Subject {
  readonly port: number
  /** Lines of the log at level error, and why the process ended if it did. */
  readonly complaints: string[] = []
  readonly ended: Promise<void>
  /** Told of each complaint when it comes. */
  onComplaint: (complaint: string) => void = () => undefined
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #waiting = new Map<number, (measure: Measure) => void>()
  #count = 0
  #stopping = false
  #killed = false
  #isOver = false

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child
    this.#folder = folder
    this.port = port
    child.on('message', ({ id, measure }: { id: number; measure: Measure }) =>
      this.#waiting.get(id)?.(measure),
    )
    this.ended = new Promise(resolve => {
      child.once('exit', (code, signal) => {
        this.#isOver = true
        if (!this.#killed && (!this.#stopping || code !== 0))
          this.#complain(`the process ended with ${code ?? signal}`)
        resolve()
      })
    })
  }

  /** @param main the built server, this checkout's by default */
  static async start(main = builtServer): Promise<Subject> {
    if (!existsSync(main)) throw new Error(`${main} is not built. Run: npm run build`)
    const folder = await mkdtemp(join(tmpdir(), 'fuzz-'))
    const probe = await scriptOf('probe', folder)
    const args = Object.entries({ '--port': 0, '--data': join(folder, 'data'), ...flags })
      .flat()
      .map(String)
    const { PATH = '', HOME = '' } = process.env
    const child = spawn(
      process.execPath,
      ['--expose-gc', '--enable-source-maps', '--import', `file://${probe}`, main, 'serve', ...args],
      { env: { PATH, HOME }, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
    )
    const log = lines()
    const errors = lines()
    child.stdout?.on('data', log.push)
    child.stderr?.on('data', errors.push)
    const port = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the server did not start in time')), startMs)
      child.once('exit', code =>
        reject(new Error(`the server did not start: ${code}\n${errors.all.join('\n')}`)),
      )
      log.each(line => {
        const url = /"url":"([^"]+)"/.exec(line)?.[1]
        if (url === undefined) return
        clearTimeout(timer)
        resolve(Number(new URL(url).port))
      })
    })
    const subject = new Subject(child, folder, port)
    log.each(line => subject.#heard(line))
    errors.each(line => subject.#complain(`on standard error: ${line}`))
    return subject
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** @throws Finding Z10 when the process is gone or does not come back */
  measure(withinMs: number): Promise<Measure> {
    const id = this.#count++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Finding('Z10', this.#isOver ? 'the process ended' : 'the event loop stands still')),
        withinMs,
      )
      this.#waiting.set(id, measure => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        resolve(measure)
      })
      // A process that is gone does not answer, which is all there is to know.
      if (this.#child.connected) this.#child.send(id, () => undefined)
    })
  }

  /** Memory of its own, without the pages of its files; undefined where the system does not tell. */
  async residentBytes(): Promise<number | undefined> {
    const text = await readFile(`/proc/${this.pid}/status`, 'utf8').catch(() => '')
    const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(text)?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  }

  /** Ends it at once: it does not come back by itself. */
  async kill(): Promise<void> {
    this.#killed = true
    this.#child.kill('SIGKILL')
    await this.ended
  }

  /** Asks it to stop, waits until it has, and removes its data. */
  async stop(): Promise<void> {
    this.#stopping = true
    if (!this.#isOver) this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), startMs)
    await this.ended
    clearTimeout(timer)
    await rm(this.#folder, { recursive: true, force: true })
  }

  #complain(complaint: string): void {
    this.complaints.push(complaint)
    this.onComplaint(complaint)
  }

  #heard(line: string): void {
    if (!line.startsWith('{')) return
    const { level, msg, err } = JSON.parse(line) as { level: number; msg: string; err?: { stack?: string } }
    if (level >= error) this.#complain(`logged: ${msg}\n${err?.stack ?? ''}`)
  }
}

/** Cuts what arrives into lines and hands each to whoever listens last; those before that are kept. */
const lines = () => {
  const all: string[] = []
  let rest = ''
  let listener: (line: string) => void = line => all.push(line)
  return {
    all,
    push: (chunk: Buffer | string) => {
      const parts = `${rest}${chunk}`.split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) listener(part)
    },
    each: (next: (line: string) => void) => {
      listener = next
      for (const line of all.splice(0)) next(line)
    },
  }
}
