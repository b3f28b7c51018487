import { chown, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { requireProgram } from '../apt.ts'
import { folder, lastingPort, Program, root } from './launch.ts'

/** Debian's nginx as a shared cache in front of a server, with the configuration that `docs/` publishes. */

const running = new Set<Program>()

// Not killed like other programs: its workers would outlive it.
afterAll(async () => {
  for (const program of running) program.signal('SIGTERM')
  await Promise.all([...running].map(program => program.ended))
})

/** Long enough for a busy machine to start a process. */
const patienceMs = 30_000
const nobody = 65_534

const published = join(root, 'docs', 'nginx.conf')

/** The two addresses of the published configuration that are the reader's to set; everything else runs as it is. */
const adapted = async (port: number, origin: string): Promise<string> => {
  let text = await readFile(published, 'utf8')
  const set = (line: string, instead: string) => {
    const parts = text.split(line)
    if (parts.length !== 2)
      throw new Error(`docs/nginx.conf has "${line}" ${parts.length - 1} times, not once`)
    text = parts.join(instead)
  }
  set('listen 8080;', `listen 127.0.0.1:${port};`)
  set('server 127.0.0.1:4437;', `server ${new URL(origin).host};`)
  return text
}

/** Starts a cache with nothing in it. @returns its address @throws Error when there is no nginx, or it does not start */
export const openCache = async (origin: string): Promise<string> => {
  const nginx = await requireProgram(
    {
      paths: [process.env['NGINX'], '/usr/sbin/nginx', '/usr/local/bin/nginx', '/opt/homebrew/bin/nginx'],
      package: 'nginx-light',
      missing:
        'These tests need nginx. Install it (Debian: `sudo apt-get install nginx-light`), or name one in the environment variable NGINX.',
    },
    text => process.stdout.write(`${text}\n`),
  )
  if (nginx.kind === 'missing') throw new Error(nginx.message)
  const directory = await folder()
  const port = await lastingPort(Math.random)
  const configuration = join(directory, 'nginx.conf')
  await writeFile(configuration, await adapted(port, origin))
  const unprivileged = process.getuid?.() === 0 ? { uid: nobody } : {}
  if (unprivileged.uid !== undefined) await chown(directory, nobody, nobody)
  const args = ['-p', directory, '-c', configuration, '-g', 'daemon off;']
  const program = new Program(nginx.path, args, { cwd: directory, ...unprivileged })
  running.add(program)
  const url = `http://127.0.0.1:${port}`
  const done = new AbortController()
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(patienceMs)])
  const up = await Promise.race([answers(url, signal), program.ended.then(() => false)])
  done.abort()
  if (up) return url
  throw new Error(`nginx does not answer, having said:\n${program.err}`)
}

const answers = async (url: string, signal: AbortSignal): Promise<boolean> => {
  while (!signal.aborted) {
    const answer = await fetch(`${url}/healthz`, { signal }).catch(() => undefined)
    if (answer?.status === 200) return true
  }
  return false
}

/** What the cache did with a request. Undefined: it went to the server, and so did its answer's reader. */
export const cacheStatus = (answer: Response): string | undefined =>
  answer.headers.get('X-Cache') ?? undefined

/** Whether an answer came out of the cache without a request to the server. */
export const isKept = (answer: Response): boolean =>
  ['HIT', 'STALE', 'UPDATING'].includes(cacheStatus(answer) ?? '')
