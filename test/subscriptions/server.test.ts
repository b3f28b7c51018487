import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pino } from 'pino'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ContentType } from '../../protocol/index.ts'
import { createCommand } from '../../server/command.ts'
import { type Server, type ServerOptions, startServer } from '../../server/index.ts'
import { root } from '../layout/sources.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { stream, subscription, webhookFields } from './fixture.ts'
import { openReceiver } from './receiver.ts'

const patience = { timeout: 30_000, interval: 20 }
const json = { 'Content-Type': ContentType.json }

const start = async (options: ServerOptions = {}): Promise<Server> => {
  const server = await startServer({
    port: 0,
    store: 'memory',
    subscriptions: { webhookAllow: ['127.0.0.1'] },
    ...options,
  })
  onTestFinished(() => server.close())
  return server
}

const put = (url: string, body: unknown): Promise<Response> =>
  fetch(url, { method: 'PUT', headers: json, body: JSON.stringify(body) })

const subscribeTo = async ({ url }: Server, port: number): Promise<void> => {
  const fields = { ...webhookFields, webhook: { url: `http://127.0.0.1:${port}/` } }
  expect((await put(`${url}${subscription('s')}`, fields)).status).toBe(201)
}

test('A server on a port calls a webhook, whose links lead back to it', async () => {
  const server = await start()
  const { port, received } = await openReceiver()
  await subscribeTo(server, port)
  await put(`${server.url}${stream('events/a')}`, {})
  await expect.poll(() => received.length, patience).toBe(1)
  const call = JSON.parse(received[0]?.body ?? '{}')
  const answer = await fetch(call.callback_url, {
    method: 'POST',
    headers: { ...json, Authorization: `Bearer ${call.callback_token}` },
    body: JSON.stringify({
      wake_id: call.wake_id,
      generation: call.generation,
      acks: [{ stream: 'events/a', offset: call.streams[0].tail_offset }],
      done: true,
    }),
  })
  expect(await answer.json()).toEqual({ ok: true, next_wake: false })
})

test('A server that is started again makes the delivery that had failed', async () => {
  const data = await temporaryDirectory()
  let status = 503
  const { port, received } = await openReceiver(response => response.writeHead(status).end('{"done":true}'))
  const first = await start({ store: 'lmdb', data })
  await subscribeTo(first, port)
  await put(`${first.url}${stream('events/a')}`, {})
  const seen = async ({ url }: Server) => (await (await fetch(`${url}${subscription('s')}`)).json()).status
  await expect.poll(() => seen(first), patience).toBe('failed')
  await first.close()
  status = 200
  const second = await start({ store: 'lmdb', data })
  await expect.poll(() => seen(second), patience).toBe('active')
  const [one, ...others] = received.map(({ body }) => JSON.parse(body).wake_id)
  expect(others.at(-1)).toBe(one)
})

test.each([
  [{ webhookAllow: [] }, 1],
  [{ publicUrl: 'https://streams.example.org' }, 0],
])(
  'A server bound to every address, told %j, warns of links that lead nowhere %i times',
  async (subscriptions, times) => {
    const logged: string[] = []
    const logger = pino({ level: 'warn' }, { write: line => void logged.push(line) })
    await start({ host: '0.0.0.0', subscriptions, logger })
    expect(logged.filter(line => line.includes('set the public URL'))).toHaveLength(times)
  },
)

test('A server without the option has none of it', async () => {
  const server = await start({ subscriptions: undefined })
  expect((await put(`${server.url}${subscription('s')}`, webhookFields)).status).toBe(404)
})

describe('The documentation', () => {
  let blocks: { language: string; code: string }[]
  beforeAll(async () => {
    const text = await readFile(join(root, 'docs/subscriptions.md'), 'utf8')
    blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
      language,
      code,
    }))
  })
  const codes = (language: string) => blocks.filter(one => one.language === language).map(({ code }) => code)

  /** Inside the checkout, so that imports resolve to this package by its own name. */
  const folder = async (): Promise<string> => {
    const path = await mkdtemp(join(root, 'build-docs-'))
    onTestFinished(() => rm(path, { recursive: true }))
    return path
  }

  test('has commands that the program takes', async () => {
    const lines = codes('sh').flatMap(code => code.trim().split('\n'))
    expect(lines).not.toEqual([])
    for (const line of lines) {
      const [npx, name, ...args] = line.split(' ')
      expect([npx, name]).toEqual(['npx', 'durable-streams-yjs'])
      let isOn = false
      const command = createCommand('0', async ({ subscriptions }) => {
        isOn = subscriptions !== undefined
      })
      await command.parseAsync(args, { from: 'user' })
      expect(isOn).toBe(true)
    }
  })

  test('has bodies that a server takes', async () => {
    const server = await start()
    const bodies = codes('json')
    expect(bodies).toHaveLength(2)
    for (const [at, body] of bodies.entries()) {
      const known = body.replace('https://worker.example.org', 'http://127.0.0.1:9')
      expect((await put(`${server.url}${subscription(`${at}`)}`, JSON.parse(known))).status).toBe(201)
    }
  })

  test('has TypeScript that is sound', async () => {
    const path = await folder()
    for (const [at, code] of codes('ts').entries()) await writeFile(join(path, `${at}.ts`), code)
    const config = { extends: '../tsconfig.json', include: ['*.ts'], exclude: [] }
    await writeFile(join(path, 'tsconfig.json'), JSON.stringify(config))
    const checked = await promisify(execFile)('npx', ['tsc', '-p', path], { cwd: root }).catch(
      (error: { stdout: string }) => error,
    )
    expect(checked.stdout).toBe('')
  }, 120_000)

  test('has a server that starts, and a check that tells its signatures from others', async () => {
    const path = await folder()
    const [starting = '', checking = ''] = codes('ts')
    await writeFile(join(path, 'start.ts'), starting)
    const { server } = (await import(join(path, 'start.ts'))) as { server: Server }
    onTestFinished(() => server.close())
    const { port, received } = await openReceiver()
    await subscribeTo(server, port)
    await put(`${server.url}${stream('events/a')}`, { text: 'é' })
    await expect.poll(() => received.length, patience).toBe(1)

    await writeFile(join(path, 'check.ts'), checking.replace('https://streams.example.org', server.url))
    const { isGenuine } = (await import(join(path, 'check.ts'))) as {
      isGenuine: (body: string, signature: string) => Promise<boolean>
    }
    const [{ body, headers } = { body: '', headers: {} }] = received
    const signature = `${headers['webhook-signature']}`
    expect(await isGenuine(body, signature)).toBe(true)
    expect(await isGenuine(`${body} `, signature)).toBe(false)
    expect(await isGenuine(body, signature.replace(/^t=\d/, 't=9'))).toBe(false)
    expect(await isGenuine(body, 'nonsense')).toBe(false)
  }, 60_000)
})
