import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, expect, test } from 'vitest'
import { startServer } from '../../server/index.ts'
import { snippet, snippets } from '../readme/snippets.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const exec = promisify(execFile)
const running: ChildProcess[] = []
const folders: string[] = []

/** Inside the checkout, so that the snippets' imports resolve to this package by its own name. */
const folder = async (): Promise<string> => {
  const path = await mkdtemp(join(root, 'build-readme-'))
  folders.push(path)
  return path
}

afterEach(() => {
  for (const child of running.splice(0)) {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid)
  }
})
afterAll(async () => {
  for (const path of folders) await rm(path, { recursive: true })
})

/** Runs a command line in a process group of its own, until it prints something that matches. */
const runUntil = (command: string, expected: RegExp): Promise<RegExpExecArray> =>
  new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', command], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.push(child)
    let said = ''
    const hear = (chunk: Buffer) => {
      said += chunk
      const match = expected.exec(said)
      if (match) resolve(match)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('exit', code => reject(new Error(`ended with ${code}: ${said}`)))
  })

test('every shell command of the README is one that is tried here or by this very run', () => {
  const lines = snippets()
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.split('\n'))
  expect(lines).toEqual([
    'npm ci && npm start',
    'npm ci && npm test',
    'npx durable-streams-yjs serve --port 4437 --host 127.0.0.1 --data ./data',
  ])
})

test('npm start prints an address at which the page is', async () => {
  const data = await folder()
  const [, url] = await runUntil(`npm start -- --port 0 --data ${data}`, /Open (http:\S+)/)
  const page = await fetch(url ?? '')
  expect(page.status).toBe(200)
  expect(await page.text()).toContain('data-testid="status"')
})

test('npx durable-streams-yjs serve runs from the checkout', async () => {
  const data = await folder()
  const command = `npx durable-streams-yjs serve --port 0 --host 127.0.0.1 --data ${data}`
  const [, url] = await runUntil(command, /listening on (http:[^"]+)/)
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
})

test('the TypeScript of the README and of the pages about the provider is sound', async () => {
  const path = await folder()
  const code = ['README.md', 'docs/editors.md', 'docs/subdocuments.md']
    .flatMap(file => snippets(file))
    .filter(({ language }) => /^tsx?$/.test(language))
  for (const [index, { code: text, language }] of code.entries()) {
    await writeFile(join(path, `snippet-${index}.${language}`), `${text}\nexport {}\n`)
  }
  await writeFile(join(path, 'style.d.ts'), "declare module '*.css' {}\n") // as bundlers' own types say
  await writeFile(
    join(path, 'tsconfig.json'),
    JSON.stringify({
      extends: '../tsconfig.json',
      compilerOptions: { customConditions: [], jsx: 'react-jsx' },
      include: ['*.ts', '*.tsx'],
      exclude: [],
    }),
  )
  const checked = await exec('npx', ['tsc', '-p', path], { cwd: root }).catch(
    error => error as { stdout: string },
  )
  expect(checked.stdout).toBe('')
})

test('the server snippet starts and stops a server', async () => {
  const file = join(await folder(), 'server.mjs')
  await writeFile(file, snippet('Run the server', 'ts'))
  const { stdout } = await exec(process.execPath, [file])
  expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\n$/)
})

test('the client snippet creates, appends and follows', async () => {
  const server = await startServer({ port: 0, store: 'memory' })
  try {
    const file = join(await folder(), 'client.mjs')
    await writeFile(
      file,
      snippet('Use the streams by themselves', 'ts').replace('http://127.0.0.1:4437', server.url),
    )
    const { stdout } = await exec(process.execPath, [file])
    expect(stdout).toMatch(/^hello \d+_\d+\n$/)
  } finally {
    await server.close()
  }
})
