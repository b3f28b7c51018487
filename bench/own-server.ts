import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { ReplayError } from './replay-error.ts'

export interface Usage {
  /** Of all threads, since the server had started. */
  readonly cpuMs: number
  /** Resident memory, now. */
  readonly rssBytes: number
}
export interface Started {
  readonly url: string
  readonly data: string
}
export type FromServer = Started | Usage
export type ToServer = 'usage'

/** A server that was started for one replay. */
export interface OwnServer {
  /** `http://host:port` */
  readonly url: string
  /** Fires, with a ReplayError SERVER_ENDED as reason, when it ended before it was told to. */
  readonly ended: AbortSignal
  usage(): Promise<Usage>
  /** Ends it and what it stored. */
  close(): Promise<void>
}

const longestEndMs = 15_000 // a server drains for at most 10 s

/** @throws ReplayError SERVER_ENDED when it could not start; what it had to say is on stderr */
export const startOwnServer = async (compactBytes: number): Promise<OwnServer> => {
  const script = fileURLToPath(new URL('./server-process.ts', import.meta.url))
  const child = fork(script, [String(compactBytes)])
  const ended = new AbortController()
  const exit = once(child, 'exit')
  child.once('exit', (code, signal) => {
    ended.abort(new ReplayError('SERVER_ENDED', `the server ended early, with ${signal ?? `code ${code}`}`))
  })
  const { url, data } = (await answer(child, ended.signal)) as Started
  return {
    url,
    ended: ended.signal,
    async usage() {
      const usage = answer(child, ended.signal)
      child.send('usage' satisfies ToServer)
      return (await usage) as Usage
    },
    async close() {
      if (child.connected) child.disconnect()
      const timer = setTimeout(() => child.kill('SIGKILL'), longestEndMs)
      if (child.exitCode === null && child.signalCode === null) await exit
      clearTimeout(timer)
      await rm(data, { recursive: true, force: true }) // if it was killed before it could
    },
  }
}

const answer = (child: ChildProcess, ended: AbortSignal): Promise<FromServer> =>
  new Promise((resolve, reject) => {
    const fail = () => reject(ended.reason)
    if (ended.aborted) return fail()
    ended.addEventListener('abort', fail)
    child.once('message', message => {
      ended.removeEventListener('abort', fail)
      resolve(message as FromServer)
    })
  })
