import { type ChildProcess, spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

/** Starts processes, above all the built server, and sees to it that none outlives its test file. */

export const root = fileURLToPath(new URL('../../', import.meta.url))
const main = join(root, 'dist', 'server', 'main.js')

/** Long enough for a busy machine; whoever waits longer waits for something that will not come. */
const patienceMs = 30_000

const children = new Set<Program>()
const folders: string[] = []

afterAll(async () => {
  for (const child of children) child.end()
  await Promise.all([...children].map(child => child.ended))
  for (const path of folders) await rm(path, { recursive: true, force: true })
})

/** A new folder, removed when the file's tests are over. */
export const folder = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'process-'))
  folders.push(path)
  return path
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface LogLine {
  readonly pid: number
  readonly level: number
  readonly msg: string
  readonly url?: string
  readonly [field: string]: unknown
}

export interface Setting {
  readonly cwd?: string
  /** Beside what every program needs; this process's own variables are not passed on. */
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
}

/** A process, what it has said so far, and how it ended. */
export class Program {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  readonly #heard = new EventEmitter()
  #out = ''
  #err = ''
  #over: Ended | undefined

  constructor(command: string, args: readonly string[], { cwd = root, env = {}, uid }: Setting = {}) {
    const { PATH = '', HOME = '' } = process.env
    this.#child = spawn(command, args, {
      cwd,
      env: { PATH, HOME, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid !== undefined && { uid, gid: uid }),
    })
    this.#heard.setMaxListeners(0)
    this.#child.stdout?.on('data', chunk => {
      this.#out += chunk
      this.#heard.emit('more')
    })
    this.#child.stderr?.on('data', chunk => {
      this.#err += chunk
    })
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('close', (code, signal) => {
        this.#over = { code, signal }
        children.delete(this)
        this.#heard.emit('more')
        resolve(this.#over)
      })
    })
    this.ended.catch(() => undefined)
    children.add(this)
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the process was not started')
    return this.#child.pid
  }

  get out(): string {
    return this.#out
  }

  get err(): string {
    return this.#err
  }

  /** The whole lines said so far that are JSON. */
  get log(): readonly LogLine[] {
    const whole = this.#out.slice(0, this.#out.lastIndexOf('\n') + 1)
    return whole
      .split('\n')
      .filter(line => line.startsWith('{'))
      .map(line => JSON.parse(line) as LogLine)
  }

  /** Resolves to the first log line that fits. @throws Error when the process ends, or is silent, without it */
  async logged(fits: (line: LogLine) => boolean): Promise<LogLine> {
    const signal = AbortSignal.timeout(patienceMs)
    for (;;) {
      const found = this.log.find(fits)
      if (found) return found
      if (this.#over || signal.aborted) {
        const fate = this.#over ? `ended with ${this.#over.code ?? this.#over.signal}` : 'is silent'
        throw new Error(`the process ${fate}, having said:\n${this.#out}${this.#err}`)
      }
      await once(this.#heard, 'more', { signal }).catch(() => undefined)
    }
  }

  /** To this process by its id; does nothing when it has ended. */
  signal(name: NodeJS.Signals): void {
    if (!this.#over && this.#child.pid !== undefined) kill(this.#child.pid, name)
  }

  /** Kills it, and a server that it started: that one's log says its id. */
  end(): void {
    if (this.#over) return
    for (const pid of new Set(this.log.map(line => line.pid))) kill(pid, 'SIGKILL')
    this.signal('SIGKILL')
  }

  /** From now on nobody reads what it says. */
  async stopListening(): Promise<void> {
    const { stdout } = this.#child
    stdout?.destroy()
    if (stdout && !stdout.closed) await once(stdout, 'close')
  }
}

const kill = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** The command line of the built server. @throws Error when it is not built */
export const command = (args: readonly string[], setting: Setting = {}): Program => {
  if (!existsSync(main)) throw new Error('dist/ is not built: run `npm run build` before these tests')
  return new Program(process.execPath, [main, ...args], setting)
}

export interface Served {
  readonly program: Program
  readonly url: string
}

/** A server that listens, on a free port unless `args` name one. */
export const serve = async (args: readonly string[], setting: Setting = {}): Promise<Served> => {
  const program = command(['serve', '--port', '0', ...args], setting)
  const { url = '' } = await program.logged(line => line.url !== undefined)
  return { program, url }
}

/** The process is told to stop and has drained. */
export const isStopping = (line: LogLine): boolean => line.msg.startsWith('stopping')

/**
 * A port that is free now and stays so while its server is away: below those that systems give to outgoing connections,
 * of which the many tries to reach a server that is down would else take it, or even reach themselves.
 */
export const lastingPort = async (random: () => number): Promise<number> => {
  for (;;) {
    const port = 12_000 + Math.floor(random() * 18_000)
    const probe = createServer().listen(port, '127.0.0.1')
    const free = await once(probe, 'listening').then(
      () => true,
      () => false,
    )
    if (!free) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}
