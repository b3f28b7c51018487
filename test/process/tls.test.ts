import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { makeCertificate } from '../certificate.ts'
import { Client } from '../http/http2-client.ts'
import { command, folder, type LogLine, type Program, serve } from './launch.ts'

interface Files {
  readonly cert: string
  readonly key: string
}

const write = async (name: string, at?: Files): Promise<Files> => {
  const home = await folder()
  const files = at ?? { cert: join(home, 'cert.pem'), key: join(home, 'key.pem') }
  const { cert, key } = await makeCertificate(name)
  await Promise.all([writeFile(files.cert, cert), writeFile(files.key, key)])
  return files
}
const flags = ({ cert, key }: Files): readonly string[] => ['--tls-cert', cert, '--tls-key', key]
const memory = ['--store', 'memory']

/** Whom the certificate is made out to that a new connection is shown. */
const shown = async (url: string) => {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return subject.CN
}

const stop = async (program: Program): Promise<void> => {
  program.signal('SIGTERM')
  expect(await program.ended).toEqual({ code: 0, signal: null })
}

test('--tls-cert and --tls-key, or their variables, make it HTTPS with HTTP/2, and the log says until when', async () => {
  const files = await write('ada')
  const env = { DSY_TLS_CERT: files.cert, DSY_TLS_KEY: files.key }
  for (const [args, setting] of [[flags(files), {}] as const, [[], { env }] as const]) {
    const { program, url } = await serve([...memory, ...args], setting)
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    const client = await Client.open(url)
    expect(client.session.alpnProtocol).toBe('h2')
    expect(await client.ask('/healthz').answer()).toMatchObject({ status: 200, text: 'alive\n' })
    await client.close()
    expect(await shown(url)).toBe('ada')
    const until = program.log.find(line => line['validUntil'] !== undefined)
    expect(Date.parse(String(until?.['validUntil']))).toBeGreaterThan(Date.now())
    await stop(program)
  }
})

describe('A start with a certificate that cannot be used ends with 1 and a sentence', () => {
  const refused = async (args: readonly string[]): Promise<string> => {
    const program = command(['serve', '--port', '0', ...memory, '--log-level', 'silent', ...args])
    expect(await program.ended).toEqual({ code: 1, signal: null })
    expect(program.err.trimEnd().split('\n')).toHaveLength(1)
    return program.err
  }

  test('when only one of the two is named', async () => {
    const { cert, key } = await write('ada')
    for (const args of [
      ['--tls-cert', cert],
      ['--tls-key', key],
    ]) {
      expect(await refused(args)).toContain('name both by --tls-cert and --tls-key')
    }
  })

  test('when a file is not there, is a folder, or holds something else', async () => {
    const { cert, key } = await write('ada')
    const home = await folder()
    const [none, inner, junk] = [join(home, 'none'), join(home, 'inner'), join(home, 'junk')]
    await mkdir(inner)
    await writeFile(junk, 'not a certificate')
    expect(await refused(flags({ cert: none, key }))).toMatch(`${none} cannot be read: ENOENT`)
    expect(await refused(flags({ cert, key: inner }))).toMatch(`${inner} cannot be read: EISDIR`)
    expect(await refused(flags({ cert: junk, key }))).toContain(`${junk} holds no certificate`)
    expect(await refused(flags({ cert, key: junk }))).toContain(`${junk} holds no private key`)
    expect(await refused(flags({ cert: key, key: cert }))).toContain('holds no certificate')
  })

  test('when the two do not belong together', async () => {
    const [ada, ben] = [await write('ada'), await write('ben')]
    const said = await refused(flags({ cert: ada.cert, key: ben.key }))
    expect(said).toContain(`${ben.key} does not belong to ${ada.cert}`)
  })
})

describe('SIGHUP', () => {
  const isRenewed = (line: LogLine) => line['validUntil'] !== undefined
  const renewals = (program: Program) => program.log.filter(isRenewed).length
  const renewed = async (program: Program): Promise<void> => {
    const before = renewals(program)
    program.signal('SIGHUP')
    await program.logged(() => renewals(program) > before)
  }
  const failures = (program: Program) => program.log.filter(({ level }) => level === 50)

  test('has the files read again for new connections, and those that are there go on', async () => {
    const files = await write('ada')
    const { program, url } = await serve([...memory, ...flags(files)])
    const client = await Client.open(url)
    await client.ask('/healthz').answer()
    for (const name of ['ben', 'cleo']) {
      await write(name, files)
      await renewed(program)
      expect(await shown(url)).toBe(name)
      expect(await client.ask('/healthz').status()).toBe(200)
    }
    await client.close()
    await stop(program)
  })

  test('with files that cannot be used keeps the old certificate and says so in the log, until they can', async () => {
    const files = await write('ada')
    const { program, url } = await serve([...memory, ...flags(files)])
    const spoil = [
      () => rm(files.key),
      () => writeFile(files.key, 'junk'),
      async () => writeFile(files.key, (await makeCertificate()).key),
    ]
    for (const [at, harm] of spoil.entries()) {
      await harm()
      program.signal('SIGHUP')
      await program.logged(() => failures(program).length > at)
      expect(failures(program).at(-1)?.msg).toContain('the old one stays')
      expect(await shown(url)).toBe('ada')
    }
    await write('ben', files)
    await renewed(program)
    expect(await shown(url)).toBe('ben')
    await stop(program)
  })
})
