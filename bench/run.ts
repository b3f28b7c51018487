import { basename } from 'node:path'
import { realEnv } from 'durable-streams-yjs/client'
import { Path } from '../protocol/index.ts'
import { type OwnServer, startOwnServer } from './own-server.ts'
import { showProgress } from './progress.ts'
import { ReplayError } from './replay-error.ts'
import { allEqual, report } from './report.ts'
import { type Outcome, replay } from './session.ts'
import { readTrace } from './trace-file.ts'

export interface RunOptions {
  /** The file. */
  readonly trace: string
  readonly speed?: number
  readonly url?: string
  readonly name?: string
  readonly compactBytes: number
}

/** One replay with everything around it: report on stdout, progress and complaints on stderr. @returns the exit status */
export const run = async (options: RunOptions): Promise<number> => {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => interrupted.abort(new ReplayError('INTERRUPTED', `stopped by ${signal}`)))
  }
  let server: OwnServer | undefined
  try {
    const trace = await readTrace(options.trace)
    server = options.url === undefined ? await startOwnServer(options.compactBytes) : undefined
    const outcome = await played(trace, options, server, interrupted.signal)
    const usage = await server?.usage()
    process.stdout.write(report({ title: basename(options.trace), trace, outcome, usage }))
    return allEqual(outcome) ? 0 : 1
  } catch (error) {
    complain(error)
    return 1
  } finally {
    await server?.close()
  }
}

const played = async (
  trace: Awaited<ReturnType<typeof readTrace>>,
  { url, name, speed }: RunOptions,
  server: OwnServer | undefined,
  interrupted: AbortSignal,
): Promise<Outcome> => {
  const progress = showProgress(trace.transactions.length, process.stderr)
  const told = new Set<string>()
  try {
    return await replay({
      url: url ?? `${server?.url}${Path.yjs}replay`,
      name: name ?? `replay-${crypto.randomUUID()}`,
      trace,
      editsPerSecond: speed,
      env: realEnv,
      signal: server ? AbortSignal.any([interrupted, server.ended]) : interrupted,
      onEdit: edits => progress.at(edits),
      onTrouble: error => {
        if (!told.has(error.code))
          process.stderr.write(`a provider goes on after ${error.code}: ${error.message}\n`)
        told.add(error.code)
      },
    })
  } finally {
    progress.stop()
  }
}

const complain = (error: unknown): void => {
  const sentence = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${sentence}\n`)
}
