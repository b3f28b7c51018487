import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exportSPKI } from 'jose'
import { describe, expect, test } from 'vitest'
import { Path } from '../../protocol/index.ts'
import { audience, bearer, Issuer, issuer } from '../access/tokens.ts'
import { command, folder, type LogLine, type Program, serve } from './launch.ts'

const warned = ({ log }: Program): readonly LogLine[] => log.filter(({ level }) => level === 40)
const stop = async (program: Program) => {
  program.signal('SIGTERM')
  expect(await program.ended).toEqual({ code: 0, signal: null })
}
const memory = ['--store', 'memory']
const guarded = async (maker: Issuer) => {
  const key = join(await folder(), 'key.pem')
  await writeFile(key, await exportSPKI(maker.publicKey))
  return {
    DSY_JWT_KEY_FILE: key,
    DSY_JWT_ALGORITHMS: maker.alg,
    DSY_JWT_ISSUER: issuer,
    DSY_JWT_AUDIENCE: audience,
  }
}

describe('Without access control', () => {
  test('the server binds to this machine, and says so', async () => {
    const { program, url } = await serve(memory)
    expect(new URL(url).hostname).toBe('127.0.0.1')
    const said = await program.logged(({ msg }) => msg.includes('access control'))
    expect(said).toMatchObject({
      level: 30,
      host: '127.0.0.1',
      msg: expect.stringContaining('this machine alone'),
    })
    expect(warned(program)).toEqual([])
    await stop(program)
  })

  test('it warns when it is bound to more', async () => {
    const { program } = await serve([...memory, '--host', '0.0.0.0'])
    const said = await program.logged(({ msg }) => msg.includes('access control'))
    expect(said).toMatchObject({
      level: 40,
      host: '0.0.0.0',
      msg: expect.stringContaining('beyond this machine'),
    })
    await stop(program)
  })
})

describe('With access control, by environment variables', () => {
  test('bound to more than this machine it warns of nothing, and lets in whoever has a token', async () => {
    const maker = await Issuer.open()
    const setting = { env: { ...(await guarded(maker)), DSY_LOG_LEVEL: 'trace' } }
    const { program, url } = await serve([...memory, '--host', '0.0.0.0'], setting)
    await program.logged(({ msg }) => msg.startsWith('access control'))
    const target = `http://127.0.0.1:${new URL(url).port}${Path.yjs}acme/docs/a`
    const bare = await fetch(target, { method: 'PUT' })
    expect([bare.status, bare.headers.get('WWW-Authenticate')]).toEqual([401, 'Bearer'])
    const ds = [{ docs: 'acme/docs/*', rights: ['create', 'read'] }]
    const headers = bearer(await maker.token({ ds }))
    expect((await fetch(target, { method: 'PUT', headers })).status).toBe(201)
    expect((await fetch(target, { headers })).status).toBe(200)
    expect((await fetch(target, { method: 'DELETE', headers })).status).toBe(403)
    await stop(program)
    expect(warned(program)).toEqual([])
    for (const part of headers['Authorization']?.split(/[ .]/) ?? []) {
      if (part !== 'Bearer') expect(program.out + program.err).not.toContain(part)
    }
  })

  test('that is incomplete, the server does not start, and says what is missing', async () => {
    const { DSY_JWT_AUDIENCE, ...env } = await guarded(await Issuer.open())
    expect(DSY_JWT_AUDIENCE).toBe(audience)
    const program = command(['serve', '--port', '0', ...memory], { env })
    expect(await program.ended).toEqual({ code: 1, signal: null })
    expect(program.err.trimEnd().split('\n')).toEqual([
      'durable-streams-yjs: say which audience the tokens must name. The options --jwt-… say how tokens are checked; see --help',
    ])
  })
})
