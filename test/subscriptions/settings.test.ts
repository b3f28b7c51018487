import { describe, expect, test } from 'vitest'
import { createCommand, type ServeSettings } from '../../server/command.ts'
import { startServer } from '../../server/index.ts'
import { isBase } from '../../server/subscriptions/settings.ts'

/** What `serve` was told of subscriptions, or what it said. */
const serve = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const settled: ServeSettings[] = []
  const said: string[] = []
  const command = createCommand('0', async settings => void settled.push(settings))
  for (const one of [command, ...command.commands]) {
    one
      .exitOverride()
      .configureOutput({ writeErr: text => said.push(text), writeOut: text => said.push(text) })
  }
  Object.assign(process.env, env)
  try {
    await command.parseAsync(['serve', ...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
  } finally {
    for (const name of Object.keys(env)) delete process.env[name]
  }
  return { settled: settled.length, subscriptions: settled[0]?.subscriptions, said: said.join('') }
}

describe('The command line', () => {
  test.each<[readonly string[], Record<string, string>, boolean]>([
    [[], {}, false],
    [['--subscriptions'], {}, true],
    [['--subscriptions', 'on'], {}, true],
    [['--subscriptions', 'off'], {}, false],
    [[], { DSY_SUBSCRIPTIONS: 'on' }, true],
    [[], { DSY_SUBSCRIPTIONS: 'off' }, false],
    [['--subscriptions', 'off'], { DSY_SUBSCRIPTIONS: 'on' }, false],
  ])('%j with %j switches them on: %s', async (args, env, isOn) => {
    const { settled, subscriptions } = await serve(args, env)
    expect(settled).toBe(1)
    expect(subscriptions !== undefined).toBe(isOn)
  })

  test('says the rest as well', async () => {
    const args = ['--subscriptions', '--public-url', 'https://a.example.org/b', '--webhook-key-days', '7']
    const hosts = ['--webhook-allow', 'localhost', '--webhook-allow', '10.0.0.0/8,::1']
    expect((await serve([...args, ...hosts])).subscriptions).toEqual({
      publicUrl: 'https://a.example.org/b',
      webhookAllow: ['localhost', '10.0.0.0/8', '::1'],
      keyDays: 7,
    })
    expect((await serve(['--subscriptions'])).subscriptions).toEqual({ webhookAllow: [], keyDays: 90 })
  })

  test.each([
    [['--subscriptions', 'yes'], 'on, off'],
    [['--public-url', 'a.example.org'], 'http or https URL'],
    [['--public-url', 'https://a.example.org/'], 'without a slash'],
    [['--webhook-allow', 'http://localhost'], 'a host name, an address or a range'],
    [['--webhook-allow', ''], 'a host name, an address or a range'],
    [['--webhook-key-days', '0'], 'from 1 to 36500'],
  ])('%j is refused', async (args, words) => {
    const { settled, said } = await serve(args)
    expect(settled).toBe(0)
    expect(said).toContain(words)
  })
})

test.each([
  ['https://a.example.org', true],
  ['http://127.0.0.1:4437', true],
  ['https://a.example.org/b/c', true],
  ['https://a.example.org/', false],
  ['https://a.example.org/b/', false],
  ['https://a.example.org?b', false],
  ['https://a.example.org/#b', false],
  ['https://user@a.example.org', false],
  ['ftp://a.example.org', false],
  ['a.example.org', false],
  ['', false],
])('%j can begin links: %s', (text, expected) => {
  expect(isBase(text)).toBe(expected)
})

test.each([{ publicUrl: 'what' }, { webhookAllow: ['a b'] }, { keyDays: 0 }, { keyDays: 1.5 }])(
  'A server is not started with %j',
  async subscriptions => {
    await expect(startServer({ port: 0, store: 'memory', subscriptions })).rejects.toThrow(RangeError)
  },
)
