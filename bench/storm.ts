import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError, Option } from 'commander'
import { DurableStream, realEnv } from '../client/index.ts'
import { ContentType, Path } from '../protocol/index.ts'

/** `npm run bench:storm`: how many followers come back, and how fast, when they lose one server at the same instant. */
const whole = (text: string): number => {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('It must be a whole number of at least 1.')
}

interface Flags {
  readonly how: 'kill' | 'drain'
  readonly followers: number
  readonly awayMs: number
  readonly steadyMs: number
}

const explained = `
How it is measured
  A server of this source, with a durable store in a fresh directory that is removed
  afterwards, is a process of its own on loopback; all followers, by what gets through,
  share this process. They connect, and after a while the server is ended and started
  again: killed and some seconds later, or by SIGTERM, which it takes to end all links
  in good order, and at once. Every request of a follower is an arrival, whether
  somebody is there to answer it or not: = was answered, - was refused. At the end one
  append must reach all of them, once: the status is 1 when it does not, or when it all
  takes longer than a minute.`

const patienceMs = 58_000
const windowMs = 100

interface Arrival {
  readonly at: number
  answered: boolean
}

/** All followers, and when they asked. */
class Followers {
  readonly arrivals: Arrival[] = []
  readonly #open = new Set<number>()
  readonly #heard: number[]
  readonly #failures: unknown[] = []
  #told = () => {}

  constructor(url: string, count: number, signal: AbortSignal) {
    this.#heard = Array.from({ length: count }, () => 0)
    const all = this.#heard.map((_, index) => {
      const gone = new AbortController()
      void this.#follow(url, index, gone.signal).catch(error => this.#failures.push(error))
      return gone
    })
    signal.addEventListener('abort', () => {
      for (const gone of all) gone.abort()
      this.#told()
    })
  }

  get open(): number {
    return this.#open.size
  }

  /** Resolves when `enough` says so, which is asked at every change. */
  async until(enough: () => boolean, signal: AbortSignal): Promise<void> {
    while (!enough()) {
      signal.throwIfAborted()
      if (this.#failures.length > 0) throw this.#failures[0]
      await new Promise<void>(resolve => {
        this.#told = resolve
      })
    }
  }

  get allHeardOnce(): boolean {
    return this.#heard.every(times => times === 1)
  }

  async #follow(url: string, index: number, signal: AbortSignal): Promise<void> {
    const env = { ...realEnv, fetch: this.#fetch }
    const onLink = (state: { readonly phase: string; readonly caughtUp?: boolean }) => {
      if (state.phase === 'open' && state.caughtUp) this.#open.add(index)
      else this.#open.delete(index)
      this.#told()
    }
    for await (const { bytes } of new DurableStream({ url, env }).follow({ signal, onLink })) {
      if (bytes.length > 0) this.#heard[index] = (this.#heard[index] ?? 0) + 1
      this.#told()
    }
  }

  readonly #fetch: typeof fetch = async (input, init) => {
    const arrival = { at: performance.now(), answered: false }
    this.arrivals.push(arrival)
    const response = await fetch(input, init)
    arrival.answered = true
    return response
  }
}

/** The server, which can be ended and started again where it was. */
class StormServer {
  #child: ChildProcess | undefined
  readonly #data: string
  #port = '0'
  url = ''

  constructor(data: string) {
    this.#data = data
  }

  async start(): Promise<void> {
    const script = fileURLToPath(new URL('./storm-server.ts', import.meta.url))
    const child = fork(script, [this.#port, this.#data])
    this.#child = child
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('the server ended early')))
    ended.catch(() => undefined)
    const [url] = (await Promise.race([once(child, 'message'), ended])) as [string]
    this.url = url
    this.#port = new URL(url).port
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }
}

const run = async ({ how, followers: count, awayMs, steadyMs }: Flags): Promise<boolean> => {
  const data = await mkdtemp(join(tmpdir(), 'storm-'))
  const server = new StormServer(data)
  const over = new AbortController()
  const patience = setTimeout(() => over.abort(new Error('it took too long')), patienceMs)
  const { signal } = over
  const pass = (ms: number) => realEnv.sleep(ms, signal)
  try {
    await server.start()
    const url = `${server.url}${Path.streams}storm`
    const stream = new DurableStream({ url, contentType: ContentType.binary })
    await stream.create()
    const followers = new Followers(url, count, signal)
    const all = () => followers.open === count
    await followers.until(all, signal)
    await pass(steadyMs)
    await followers.until(all, signal)
    const lost = performance.now()
    await server.end(how === 'kill' ? 'SIGKILL' : 'SIGTERM')
    if (how === 'kill') await pass(awayMs)
    await server.start()
    const up = performance.now()
    await followers.until(all, signal)
    report(how, followers.arrivals, { lost, up, back: performance.now() }, count)
    await stream.append('x', { producer: { id: 'storm', epoch: 0, seq: 0 } })
    await followers.until(() => followers.allHeardOnce, signal)
    process.stdout.write(`One append has reached all ${count}, once.\n`)
    return true
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    return false
  } finally {
    clearTimeout(patience)
    over.abort()
    await server.end('SIGTERM')
    await rm(data, { recursive: true })
  }
}

interface Times {
  readonly lost: number
  readonly up: number
  readonly back: number
}

const report = (
  how: Flags['how'],
  arrivals: readonly Arrival[],
  { lost, up, back }: Times,
  count: number,
): void => {
  const seen = arrivals.filter(({ at }) => at >= lost && at <= back).sort((a, b) => a.at - b.at)
  const answered = seen.filter(arrival => arrival.answered)
  const seconds = Math.max(1, Math.ceil((back - lost) / 1_000))
  const inSecond = (of: readonly Arrival[], second: number) =>
    of.filter(({ at }) => Math.floor((at - lost) / 1_000) === second).length
  const most = Math.max(...Array.from({ length: seconds }, (_, second) => inSecond(seen, second)), 1)
  const scale = Math.max(1, most / 70)
  const lines = Array.from({ length: seconds }, (_, second) => {
    const [total, good] = [inSecond(seen, second), inSecond(answered, second)]
    const bar = '='.repeat(Math.round(good / scale)) + '-'.repeat(Math.round((total - good) / scale))
    return `${String(second).padStart(5)} s ${String(total).padStart(6)} ${bar}\n`
  })
  const took = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
  process.stdout.write(
    `${count} followers lose a server that is ${how === 'kill' ? 'killed' : 'drained'}, and is back after ${took(up - lost)}
${lines.join('')}  peak  ${peak(seen)} arrivals in ${windowMs} ms, ${peak(answered)} of those that were answered
  all are back ${took(back - lost)} after they were lost, ${took(back - up)} after the server was back\n\n`,
  )
}

/** The most within any window; they are in order. */
const peak = (arrivals: readonly Arrival[]): number => {
  let from = 0
  let most = 0
  for (const [index, { at }] of arrivals.entries()) {
    while ((arrivals[from]?.at ?? at) <= at - windowMs) from++
    most = Math.max(most, index - from + 1)
  }
  return most
}

await new Command('npm run bench:storm --')
  .description('Lose a server under many followers at one instant, and see them come back.')
  .addOption(new Option('--how <way>', 'how the server ends').default('kill').choices(['kill', 'drain']))
  .addOption(new Option('--followers <number>', 'how many').default(500).argParser(whole))
  .addOption(new Option('--away-ms <ms>', 'how long a killed server is away').default(4_000).argParser(whole))
  .addOption(new Option('--steady-ms <ms>', 'how long links last before').default(6_000).argParser(whole))
  .addHelpText('after', explained)
  .action(async (flags: Flags) => {
    process.exitCode = (await run(flags)) ? 0 : 1
  })
  .parseAsync()
