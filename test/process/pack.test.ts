import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { beforeAll, describe, expect, test } from 'vitest'
import { Path } from '../../protocol/index.ts'
import { folder, type LogLine, Program, root } from './launch.ts'

/** The package as those get it who install it: packed, installed into an empty project, and used there. */

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

let packed: Packed
let project: string
let installed: string

/** What npm needs of this process's environment; what a surrounding npm run has set in it would mislead it. */
const npmEnv = (): Record<string, string> => {
  const kept = /^npm_config_(registry|cache|userconfig|cafile|strict_ssl|noproxy|https?_proxy|proxy)$/i
  const dropped = /^(npm_|VITEST|NODE_ENV$|NODE_OPTIONS$|DSY_)/i
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || (dropped.test(name) && !kept.test(name)) ? [] : [[name, value]],
    ),
  )
}

/** @throws Error with what it said unless it ends with 0 */
const succeed = async (name: string, args: readonly string[], cwd: string): Promise<string> => {
  const program = new Program(name, args, { cwd, env: npmEnv() })
  const { code, signal } = await program.ended
  if (code !== 0)
    throw new Error(`${name} ${args.join(' ')}: ${code ?? signal}\n${program.out}${program.err}`)
  return program.out
}

const script = async (name: string, text: string, ...args: readonly string[]): Promise<string> => {
  await writeFile(join(project, name), text)
  return succeed(process.execPath, [name, ...args], project)
}

beforeAll(async () => {
  const parent = await folder()
  project = join(parent, 'project')
  // Without scripts: `prepare` would build dist/ anew under the feet of whoever uses it.
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', parent]
  packed = (JSON.parse(await succeed('npm', pack, root)) as Packed[])[0] as Packed
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{ "name": "project", "private": true, "type": "module" }')
  const tarball = join(parent, packed.filename)
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline']
  await succeed('npm', [...install, tarball, 'yjs', 'y-protocols'], project)
  installed = join(project, 'node_modules', 'durable-streams-yjs')
}, 120_000)

test('the tarball holds what is built of the package, and nothing else', () => {
  const paths = packed.files.map(({ path }) => path)
  const expected =
    /^(LICENSE|README\.md|package\.json|dist\/(protocol|client|provider|react|server)\/[\w/-]+\.(js|d\.ts|js\.map))$/
  expect(paths.filter(path => !expected.test(path))).toEqual([])
  for (const door of ['provider', 'client', 'react', 'server'])
    expect(paths).toContain(`dist/${door}/index.js`)
  expect(paths).toContain('dist/server/yjs/compaction-worker.js')
})

test('no file of the tarball names a place on the machine it was made on', async () => {
  const places = [root, join(homedir(), '/'), join(tmpdir(), '/')]
  for (const { path } of packed.files) {
    const text = await readFile(join(installed, path), 'utf8')
    for (const place of places) expect(text.includes(place), `${path} names ${place}`).toBe(false)
  }
})

const syncScript = `
import { DurableStreamsProvider } from 'durable-streams-yjs'
import { DurableStream } from 'durable-streams-yjs/client'
import { startServer } from 'durable-streams-yjs/server'
import * as Y from 'yjs'

const sync = async url => {
  const docs = [new Y.Doc(), new Y.Doc()]
  const providers = docs.map(doc => new DurableStreamsProvider(doc, { url: url + '${Path.yjs}s', name: 'd' }))
  await Promise.all(providers.map(provider => provider.whenSynced()))
  docs[0].getText('t').insert(0, 'one')
  docs[1].getText('t').insert(0, 'two')
  await Promise.all(docs.map(doc => new Promise(resolve => {
    const look = () => doc.getText('t').length === 6 && resolve()
    doc.on('update', look)
    look()
  })))
  await Promise.all(providers.map(provider => provider.whenSaved()))
  const { bytes } = await new DurableStream({ url: url + '${Path.yjs}s/${Path.documents}/d' }).read()
  for (const provider of providers) provider.destroy()
  return { texts: docs.map(doc => doc.getText('t').toString()), logged: bytes.length > 0 }
}

const server = await startServer({ port: 0, store: 'memory' })
const results = [await sync(process.argv[2]), await sync(server.url)]
await server.close()
console.log(JSON.stringify(results))
`

/** Stops a server that another program started, by the id in its log, and waits for both. */
const stop = async (program: Program, { pid }: LogLine): Promise<void> => {
  process.kill(pid, 'SIGTERM')
  expect(await program.ended).toEqual({ code: 0, signal: null })
}

const serving = (program: Program) => program.logged(({ url }) => url !== undefined)

test('two documents sync through npx durable-streams-yjs serve, and through a server of the script’s own', async () => {
  const args = ['durable-streams-yjs', 'serve', '--port', '0', '--store', 'memory']
  const program = new Program('npx', args, { cwd: project, env: npmEnv() })
  const line = await serving(program)
  const results = JSON.parse(await script('sync.mjs', syncScript, line.url ?? '')) as { texts: string[] }[]
  expect(results).toHaveLength(2)
  for (const { texts, ...rest } of results) {
    expect(rest).toEqual({ logged: true })
    expect(texts[0]).toMatch(/^(onetwo|twoone)$/)
    expect(texts[1]).toBe(texts[0])
  }
  await stop(program, line)
})

test('the installed server keeps streams on disk and compacts documents', async () => {
  const bin = join(project, 'node_modules', '.bin', 'durable-streams-yjs')
  const args = ['serve', '--port', '0', '--data', join(project, 'kept'), '--compact-bytes', '1']
  const first = new Program(bin, args, { cwd: project })
  const line = await serving(first)
  expect(line['store']).toBe('lmdb')
  await script('sync.mjs', syncScript, line.url ?? '')
  await first.logged(({ msg }) => msg === 'compacted')
  await stop(first, line)
  const again = new Program(bin, args, { cwd: project })
  const { url, ...rest } = await serving(again)
  const log = await fetch(`${url}${Path.yjs}s/${Path.documents}/d`)
  expect(log.status).toBe(200)
  expect((await log.arrayBuffer()).byteLength).toBeGreaterThan(0)
  await stop(again, rest)
})

test('npx durable-streams-yjs serve runs from the checkout itself, without a network', async () => {
  const cache = await folder()
  // A real run may build first; this one must not, for the sake of whoever uses dist/ now.
  const npx = ['--offline', '--ignore-scripts', '--cache', cache]
  const args = [...npx, 'durable-streams-yjs', 'serve', '--port', '0', '--store', 'memory']
  const program = new Program('npx', args, { cwd: root, env: npmEnv() })
  const line = await serving(program)
  expect((await fetch(`${line.url}/readyz`)).status).toBe(200)
  await stop(program, line)
})

test('React is not installed with it, and its door opens where there is one', async () => {
  expect(await readdir(join(project, 'node_modules'))).not.toContain('react')
  await succeed('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', 'react'], project)
  expect(await readdir(join(project, 'node_modules'))).toContain('react')
})

test('every export resolves, and importing a door starts nothing', async () => {
  const before = await readdir(project)
  const out = await script(
    'doors.mjs',
    `import { readFile } from 'node:fs/promises'
     import { fileURLToPath } from 'node:url'
     const own = fileURLToPath(import.meta.resolve('durable-streams-yjs/package.json'))
     const names = {}
     for (const door of Object.keys(JSON.parse(await readFile(own, 'utf8')).exports)) {
       if (door.endsWith('.json')) continue
       names[door] = Object.keys(await import('durable-streams-yjs' + door.slice(1)))
     }
     console.log(JSON.stringify(names))`,
  )
  // It ended by itself and said nothing else, so nothing listens, ticks or logs.
  const names = JSON.parse(out) as Record<string, string[]>
  expect(Object.keys(names)).toEqual(['.', './client', './react', './server'])
  expect(names['.']).toContain('DurableStreamsProvider')
  expect(names['./client']).toContain('DurableStream')
  expect(names['./react']).toEqual(['usePresence', 'useProvider', 'useSaved', 'useSynced'])
  expect(names['./server']).toContain('startServer')
  expect(new Set(await readdir(project))).toEqual(new Set([...before, 'doors.mjs']))
})

describe('the declarations', () => {
  const browser = `
import { DurableStreamsProvider, type ProviderOptions, type Status } from 'durable-streams-yjs'
import { DurableStream } from 'durable-streams-yjs/client'
import { usePresence, useProvider, useSaved } from 'durable-streams-yjs/react'
import * as Y from 'yjs'
const options: ProviderOptions = { url: 'https://example.org/v1/yjs/s', name: 'a', connect: false }
const provider = new DurableStreamsProvider(new Y.Doc(), options)
export const status: Status = provider.status
export const saved: boolean = provider.saved
export const next: Promise<string> = new DurableStream({ url: provider.doc.guid }).head().then(({ next }) => next)
export const use = (doc: Y.Doc | undefined): readonly [boolean, number] => {
  const given = useProvider(doc, options)
  return [useSaved(given, ({ saved }) => saved), usePresence(given)[0].states.size]
}
// @ts-expect-error a transport that is not there
export const wrong: ProviderOptions = { live: 'pigeon' }
`
  const server = `
import { type ServerOptions, StoreFailure, startServer } from 'durable-streams-yjs/server'
const options: ServerOptions = { port: 0, store: 'memory', limits: { drainMs: 1 } }
export const url: Promise<string> = startServer(options).then(started => started.url)
export const isFull = (error: unknown): boolean => error instanceof StoreFailure && error.code === 'full'
// @ts-expect-error an engine that is not there
export const wrong: ServerOptions = { store: 'paper' }
`
  const modules = { nodenext: 'nodenext', bundler: 'esnext' } as const

  test.each(Object.entries(modules))(
    'are sound under %s, strictly, libraries included',
    async (moduleResolution, module) => {
      const compilerOptions = {
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        skipLibCheck: false,
        target: 'es2022',
        lib: ['es2022', 'dom', 'dom.iterable'],
        module,
        moduleResolution,
      }
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
      const typeRoots = [join(root, 'node_modules', '@types')]
      for (const [file, text, more] of [
        ['browser.ts', browser, { types: [] }], // a page has no types of Node
        ['server.ts', server, { types: ['node'], typeRoots }],
      ] as const) {
        await writeFile(join(project, file), text)
        const config = { compilerOptions: { ...compilerOptions, ...more }, files: [file] }
        await writeFile(join(project, 'tsconfig.json'), JSON.stringify(config))
        expect(await succeed(process.execPath, [tsc, '-p', project], project)).toBe('')
      }
    },
  )
})

describe('a bundle for the browser', () => {
  const bundle = async (door: string, external: readonly string[]) => {
    const result = await build({
      stdin: { contents: `export * from '${door}'`, resolveDir: project, sourcefile: 'entry.js' },
      bundle: true,
      splitting: true,
      outdir: 'out',
      platform: 'browser',
      format: 'esm',
      minify: true,
      metafile: true,
      write: false,
      external: [...external],
      logLevel: 'silent',
    })
    const sizes = new Map(
      result.outputFiles.map(({ path, contents }) => [
        basename(path),
        gzipSync(contents, { level: 9 }).length,
      ]),
    )
    const outputs = Object.entries(result.metafile.outputs)
    // What is imported when it is needed is no part of the first download.
    const lazy = new Set(
      outputs.flatMap(([, { imports }]) =>
        imports.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => basename(path)),
      ),
    )
    const bytes = [...sizes].reduce((sum, [name, size]) => (lazy.has(name) ? sum : sum + size), 0)
    return {
      inputs: Object.keys(result.metafile.inputs),
      imports: outputs.flatMap(([, { imports }]) =>
        imports.filter(({ path }) => !sizes.has(basename(path))).map(({ path }) => path),
      ),
      bytes,
      lazyBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) - bytes,
    }
  }
  const peers = ['yjs', 'y-protocols', 'lib0']

  test('of the provider holds no server code, needs no Node, and is small', async () => {
    const alone = await bundle('durable-streams-yjs', peers)
    const whole = await bundle('durable-streams-yjs', [])
    const client = await bundle('durable-streams-yjs/client', peers)
    const hooks = await bundle('durable-streams-yjs/react', [...peers, 'react'])
    const kilobytes = (bytes: number) => (bytes / 1_000).toFixed(1)
    process.stdout.write(
      `minified and gzipped: provider ${kilobytes(alone.bytes)} kB, ${kilobytes(alone.lazyBytes)} kB more for \`offline\`, with yjs, y-protocols and lib0 ${kilobytes(whole.bytes)} kB, ` +
        `client alone ${kilobytes(client.bytes)} kB, React hooks ${kilobytes(hooks.bytes - alone.bytes)} kB more\n`,
    )
    // esbuild fails on a builtin of Node for this platform unless it is external.
    expect(alone.imports.filter(path => !peers.includes(path.split('/')[0] ?? ''))).toEqual([])
    expect(whole.imports).toEqual([])
    const packages = (inputs: readonly string[]) =>
      new Set(inputs.flatMap(path => /.*node_modules\/((@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []))
    expect(packages(alone.inputs)).toEqual(new Set(['durable-streams-yjs', 'eventsource-parser']))
    for (const name of packages(whole.inputs)) {
      expect(['durable-streams-yjs', 'eventsource-parser', 'isomorphic.js', ...peers]).toContain(name)
    }
    expect(whole.inputs.filter(path => path.includes('dist/server'))).toEqual([])
    expect(alone.bytes).toBeLessThan(42_000)
    expect(alone.lazyBytes).toBeLessThan(6_000)
    expect(client.bytes).toBeLessThan(alone.bytes)
    expect(hooks.bytes - alone.bytes).toBeLessThan(2_000)
  })
})
