import { readdir, readFile, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { ContentType, DefaultPort, encodeFrames, Live, Path, Query, Sentinel } from '../../protocol/index.ts'
import { defaultLimits, flagOf, limitNames } from '../../server/limits.ts'
import { openRoot, openTable } from '../../server/store/lmdb-environment.ts'
import { sealNumber } from '../../server/store/lmdb-layout.ts'
import { command, type Ended, folder, type Program, root, type Setting, serve } from './launch.ts'
import { RawConnection } from './raw.ts'

interface Said extends Ended {
  readonly out: string
  readonly err: string
}

const run = async (args: readonly string[], setting: Setting = {}): Promise<Said> => {
  const program = command(args, setting)
  const { code, signal } = await program.ended
  return { code, signal, out: program.out, err: program.err }
}

/** Status 1 and one line on stderr, for a person. */
const expectSentence = ({ code, err }: Said, ...parts: readonly (string | RegExp)[]): void => {
  expect(code).toBe(1)
  expect(err.trimEnd().split('\n')).toHaveLength(1)
  expect(err).not.toMatch(/^\s+at /m)
  for (const part of parts) expect(err).toMatch(part)
}

const listens = (program: Program) => program.logged(line => line.url !== undefined)

const stop = async (program: Program): Promise<void> => {
  program.signal('SIGTERM')
  expect(await program.ended).toEqual({ code: 0, signal: null })
}

describe('help', () => {
  const others = {
    port: `${DefaultPort}`,
    host: '"127.0.0.1"',
    store: '"lmdb"',
    data: '"./data"',
    origin: 'none but its own',
    'compact-bytes': '1048576',
    'log-level': '"info"',
  }
  const limits = limitNames.map(name => [flagOf(name), `${defaultLimits[name]}`])

  test.each([[['--help']], [['serve', '--help']], [['help', 'serve']]])(
    '%j lists every option with its default and its environment variable',
    async args => {
      const { code, out, err } = await run(args)
      expect({ code, err }).toEqual({ code: 0, err: '' })
      const text = out.replace(/\s+/g, ' ')
      for (const [flag, value] of [...Object.entries(others), ...limits]) {
        const variable = `DSY_${flag?.replaceAll('-', '_').toUpperCase()}`
        const entry = new RegExp(
          `--${flag} <\\w+> [^()]+\\((choices: [^()]*, )?default: ${value}, env: ${variable}\\)`,
        )
        expect(text).toMatch(entry)
      }
    },
  )

  test('--version says the version of the package', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
    expect(await run(['--version'])).toMatchObject({ code: 0, out: `${version}\n`, err: '' })
  })
})

test('a bad value ends the program with one sentence that says what is allowed', async () => {
  const bad: readonly (readonly [readonly string[], ...(string | RegExp)[]])[] = [
    [['--port', '70000'], '--port', '70000', 'from 0 to 65535'],
    [['--port', '-1'], '--port', 'from 0 to 65535'],
    [['--port', '8o80'], '--port', '8o80'],
    [['--store', 'x'], '--store', 'lmdb, memory'],
    [['--origin', 'http://a/b'], '--origin', 'http://a/b', 'without a path'],
    [['--origin', 'null'], '--origin', 'without a path'],
    [['--origin', 'https://a.example,nonsense'], '--origin'],
    [['--body-bytes', '-5'], '--body-bytes', 'at least 1'],
    [['--compact-bytes', '1e6'], '--compact-bytes', 'at least 1'],
    [['--readers-per-stream', '0'], '--readers-per-stream', 'at least 1'],
    [['--drain-ms', '3000000000'], '--drain-ms', 'from 1 to 86400000'],
    [['--log-level', 'loud'], '--log-level', 'trace, debug, info'],
    [['--host', ''], '--host', 'must not be empty'],
    [['--data', ''], '--data', 'must not be empty'],
    [['--port'], '--port', 'argument missing'],
    [['--nonsense'], "unknown option '--nonsense'"],
    [['nonsense'], 'too many arguments'],
  ]
  await Promise.all(
    bad.map(async ([args, ...parts]) => expectSentence(await run(['serve', ...args]), ...parts)),
  )
  expectSentence(await run(['nonsense']), "unknown command 'nonsense'")
  const env = { DSY_PORT: 'x' }
  expectSentence(await run(['serve'], { env }), "'x' from env 'DSY_PORT' is invalid", 'from 0 to 65535')
})

test('environment variables set options, and flags win over them', async () => {
  const env = {
    DSY_PORT: '0',
    DSY_STORE: 'memory',
    DSY_LONG_POLL_MS: '20',
    DSY_ORIGIN: 'https://a.example, https://b.example',
    DSY_LOG_LEVEL: 'debug',
    DSY_BODY_BYTES: '4',
  }
  const fromEnv = command(['serve'], { env })
  const { url, store } = await listens(fromEnv)
  expect(store).toBe('memory')
  const stream = `${url}${Path.streams}a`
  await fetch(stream, { method: 'PUT' })
  const waited = await fetch(`${stream}?${Query.offset}=${Sentinel.tail}&${Query.live}=${Live.longPoll}`)
  expect(waited.status).toBe(204)
  expect(await allowedOrigins(url, ['https://a.example', 'https://b.example', 'https://c.example'])).toEqual([
    'https://a.example',
    'https://b.example',
    null,
  ])
  expect((await fetch(stream, { method: 'POST', body: '12345' })).status).toBe(413)
  expect(fromEnv.log.some(({ msg }) => msg === 'request')).toBe(true)
  await stop(fromEnv)

  const flags = ['--body-bytes', '5', '--origin', 'https://c.example', '--origin', 'https://d.example']
  const fromFlags = command(['serve', ...flags, '--log-level', 'info'], { env })
  const { url: other } = await listens(fromFlags)
  await fetch(`${other}${Path.streams}a`, { method: 'PUT' })
  const headers = { 'Content-Type': ContentType.binary }
  const appended = await fetch(`${other}${Path.streams}a`, { method: 'POST', headers, body: '12345' })
  expect(appended.status).toBe(204)
  expect(
    await allowedOrigins(other, ['https://a.example', 'https://c.example', 'https://d.example']),
  ).toEqual([null, 'https://c.example', 'https://d.example'])
  expect(fromFlags.log.some(({ msg }) => msg === 'request')).toBe(false)
  await stop(fromFlags)
})

const allowedOrigins = (url: string | undefined, origins: readonly string[]) =>
  Promise.all(
    origins.map(async Origin => {
      const answer = await fetch(`${url}${Path.streams}a`, { method: 'OPTIONS', headers: { Origin } })
      return answer.headers.get('Access-Control-Allow-Origin')
    }),
  )

test('a taken port, and an address of another machine, end the program with a sentence that says what to do', async () => {
  const { program, url } = await serve(['--store', 'memory'])
  const { port } = new URL(url)
  expectSentence(
    await run(['serve', '--store', 'memory', '--port', port]),
    `127.0.0.1:${port}`,
    'Choose another --port, or stop the other program.',
  )
  const elsewhere = ['serve', '--port', '0', '--store', 'memory', '--host', '192.0.2.1']
  expectSentence(await run(elsewhere), '192.0.2.1', 'Choose a --host of this machine.')
  await stop(program)
})

describe('a data directory', () => {
  const start = (data: string, setting?: Setting) => run(['serve', '--port', '0', '--data', data], setting)

  test('that another process has open is refused with its process id, and let go of when that one ends', async () => {
    const data = await folder()
    const { program } = await serve(['--data', data])
    expectSentence(
      await start(data),
      `process ${program.pid} has `,
      data,
      'Stop that process, or choose another',
    )
    await stop(program)
    await stop((await serve(['--data', data])).program)
  })

  test('of a newer format is refused and left as it is', async () => {
    const data = await folder()
    await stop((await serve(['--data', data])).program)
    const key = Buffer.from('format')
    const root = openRoot(data)
    openTable(root, 'meta').putSync(key, sealNumber(key, 2))
    await root.close()
    const before = await readFile(join(data, 'data.mdb'))
    expectSentence(
      await start(data),
      'was written in format 2, this version knows format 1',
      'run the newer version',
    )
    expect((await readFile(join(data, 'data.mdb'))).equals(before)).toBe(true)
  })

  test('with other files in it is refused', async () => {
    const data = await folder()
    await writeFile(join(data, 'letter.txt'), 'dear')
    expectSentence(await start(data), data, 'holds other files')
    expect(await readdir(data)).toEqual(['letter.txt'])
  })

  test('that cannot be written, or cannot be at all, is refused with what to do', async () => {
    const parent = await folder()
    await writeFile(join(parent, 'file'), '')
    for (const data of [join(parent, 'file'), join(parent, 'file', 'data')]) {
      expectSentence(await start(data), data, 'Choose a --data directory that this user may read and write.')
    }
    // The superuser may write anywhere, so the program is started as somebody else; /dev belongs to the superuser.
    const setting = process.getuid?.() === 0 ? { uid: 65_534 } : {}
    for (const data of ['/dev', '/dev/data']) {
      expectSentence(
        await start(data, setting),
        data,
        'Choose a --data directory that this user may read and write.',
      )
    }
  })

  test('is ./data by default, and none for the memory store', async () => {
    const cwd = await folder()
    await stop((await serve(['--store', 'memory'], { cwd })).program)
    expect(await readdir(cwd)).toEqual([])
    const { program } = await serve([], { cwd })
    expect((await listens(program))['data']).toBe('./data')
    await stop(program)
    expect(await readdir(join(cwd, 'data'))).toContain('data.mdb')
  })
})

test('only this machine reaches it by default, and a warning says so when others can', async () => {
  const { program, url } = await serve(['--store', 'memory'])
  expect(new URL(url).hostname).toBe('127.0.0.1')
  const others = Object.values(networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .filter(({ address, scopeid }) => address !== '127.0.0.1' && !scopeid)
    .map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address))
  for (const address of others) {
    await expect(RawConnection.open(url.replace('127.0.0.1', address))).rejects.toThrow()
  }
  expect(program.log.filter(({ level }) => level >= 40)).toEqual([])
  await stop(program)
  const open = await serve(['--store', 'memory', '--host', '0.0.0.0'])
  const { msg } = await open.program.logged(({ level }) => level === 40)
  expect(msg).toContain('without access control')
  await stop(open.program)
})

test('/healthz and /readyz answer', async () => {
  const { program, url } = await serve(['--store', 'memory'])
  for (const [path, text] of [
    ['healthz', 'alive\n'],
    ['readyz', 'ready\n'],
  ]) {
    const answer = await fetch(`${url}/${path}`)
    expect([answer.status, await answer.text()]).toEqual([200, text])
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
  }
  await stop(program)
})

test.each(['debug', 'trace'])(
  'at level %s the log names every request by an id and holds no content, query or token',
  async level => {
    const secrets = { body: 'BODYMARK', query: 'QUERYMARK', token: 'TOKENMARK' }
    const { program, url } = await serve(['--store', 'memory', '--log-level', level, '--compact-bytes', '10'])
    const headers = { Authorization: `Bearer ${secrets.token}`, Cookie: `session=${secrets.token}` }
    const ask = async (method: string, target: string, body?: Uint8Array | string, type?: string) => {
      const answer = await fetch(`${url}${target}`, {
        method,
        headers: { ...headers, ...(type && { 'Content-Type': type }) },
        ...(body !== undefined && { body: body as BodyInit }),
      })
      await answer.arrayBuffer()
      return answer.status
    }
    const doc = new Y.Doc()
    doc.getText('body').insert(0, secrets.body)
    const frames = encodeFrames([Y.encodeStateAsUpdate(doc)])
    const document = `${Path.yjs}s/${Path.documents}/PATHMARK`
    const query = `x=${secrets.query}`
    const statuses = [
      await ask('PUT', `${document}?${query}`, frames),
      await ask('POST', document, frames, ContentType.binary),
      await ask('POST', document, secrets.body, ContentType.binary),
      await ask('POST', `${document}?${Query.awareness}=default`, encodeFrames([Buffer.from(secrets.body)])),
      await ask('GET', `${document}?${Query.offset}=${Sentinel.snapshot}&${query}`),
      await ask('GET', `${document}?${Query.offset}=${secrets.query}`),
      await ask('PUT', `${Path.streams}json`, `["${secrets.body}"]`, ContentType.json),
      await ask('POST', `${Path.streams}json`, `${secrets.body} is not JSON`, ContentType.json),
      await ask('GET', `${Path.streams}json?${Query.offset}=${Sentinel.start}&${query}`),
      await ask('GET', `/elsewhere?${query}`),
    ]
    expect(statuses).toEqual([201, 204, 400, 204, 200, 400, 201, 400, 200, 404])
    await program.logged(({ msg }) => msg === 'compacted')
    await stop(program)

    const lines = program.out.trimEnd().split('\n')
    expect(program.log).toHaveLength(lines.length)
    const requests = program.log.filter(({ msg }) => msg === 'request')
    expect(requests.length).toBeGreaterThanOrEqual(statuses.length)
    expect(new Set(requests.map(({ requestId }) => requestId)).size).toBe(requests.length)
    expect(requests[0]).toMatchObject({
      method: 'PUT',
      path: document,
      status: 201,
      requestId: expect.any(String),
    })
    for (const secret of Object.values(secrets)) {
      expect(program.out + program.err).not.toContain(secret)
      expect(program.out + program.err).not.toContain(Buffer.from(secret).toString('base64').slice(0, 10))
    }
    expect(program.out).toContain('PATHMARK')
  },
)
