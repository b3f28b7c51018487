import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// `npm run dev`: compiles and builds whenever a source file changes, and restarts the server when its code did. The page
// is reloaded by hand. What follows `--` goes to demo/start.ts: `npm run dev -- --port 5000`.

const root = fileURLToPath(new URL('..', import.meta.url))
const sources = ['protocol', 'client', 'provider', 'server', 'demo'] as const
const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--pretty']
const bundler = ['node_modules/vite/bin/vite.js', 'build', 'demo', '--logLevel', 'warn']
const server = ['--watch', '--watch-preserve-output', '--enable-source-maps', 'dist/demo/start.js']

/** An editor writes a file in several steps, and a checkout writes many files. */
const quietMs = 100

const children = new Set<ChildProcess>()
let stopping = false

/** Each leads a process group of its own, so that the terminal's Ctrl-C reaches this process alone, which ends them in order. */
const run = (args: readonly string[]): ChildProcess => {
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise(resolve => child.once('exit', () => resolve()))

const stop = async (status: number): Promise<void> => {
  if (stopping) return
  stopping = true
  const all = [...children].map(ended)
  for (const child of children) child.kill('SIGTERM')
  await Promise.all(all)
  process.exit(status)
}

const keep = (args: readonly string[]): void => void run(args).once('exit', () => void stop(1))

/**
 * Calls back when a TypeScript file changed. Folders are watched, not files: editors that save by renaming replace the
 * file that was watched. `tsc --watch` sees no changes inside containers.
 */
const onChange = (changed: () => void): void => {
  const watched = new Set<string>()
  let quiet: ReturnType<typeof setTimeout> | undefined
  const look = () => {
    for (const folder of sources.flatMap(foldersOf)) {
      if (watched.has(folder)) continue
      watched.add(folder)
      watch(folder, (_event, file) => {
        if (stopping || (file?.includes('.') && !file.endsWith('.ts'))) return
        clearTimeout(quiet)
        quiet = setTimeout(() => {
          look()
          changed()
        }, quietMs)
      })
    }
  }
  look()
}

const foldersOf = (source: string): string[] => {
  const folders = readdirSync(join(root, source), { recursive: true, withFileTypes: true })
  const inside = folders.filter(entry => entry.isDirectory()).map(entry => join(entry.parentPath, entry.name))
  return [join(root, source), ...inside]
}

/** @returns how to compile: once more afterwards when it is busy */
const createCompile = (): (() => Promise<void>) => {
  let busy = false
  let stale = false
  const compile = async (): Promise<void> => {
    stale = busy
    if (busy || stopping) return
    busy = true
    await ended(run(compiler))
    busy = false
    if (stale) await compile()
  }
  return compile
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void stop(0))

process.stdout.write('Building once, then again with every change. Ctrl-C ends it.\n')
const compile = createCompile()
await Promise.all([compile(), ended(run(bundler))])
if (!stopping) {
  onChange(() => void compile())
  keep([...bundler, '--watch'])
  keep([...server, ...process.argv.slice(2)])
}
