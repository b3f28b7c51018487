import { describe, expect, test } from 'vitest'
import { createCommand, type ServeSettings } from '../../server/command.ts'
import { defaultLimits, type Limits, startServer } from '../../server/index.ts'
import { flagOf, type Limit, limitGroups, limitNames, limitTable, settleLimits } from '../../server/limits.ts'
import { sources } from '../layout/sources.ts'
import { page } from './page.ts'

const day = 24 * 3_600_000
const entries = limitNames.map((name): readonly [keyof Limits, Limit] => [name, limitTable[name]])

/** What `serve` was told, or what it said of it. */
const serve = async (args: readonly string[], env: Record<string, string> = {}) => {
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
  return { limits: settled[0]?.limits, said: said.join('') }
}
const variable = (name: string) => `DSY_${flagOf(name).replaceAll('-', '_').toUpperCase()}`

describe('The table of limits', () => {
  test('is the page of the documentation; `npx vitest run test/limits/table -u` writes it', async () => {
    await expect(page()).toMatchFileSnapshot('../../docs/limits.md')
  })

  test('says of each what is bounded, what happens beyond and why', () => {
    for (const [, { of, beyond, why, value, least, most }] of entries) {
      for (const words of [of, beyond, why]) expect(words).toMatch(/^[^\n|]+[^.\n|]$/)
      expect(value).toBeGreaterThanOrEqual(least)
      expect(value).toBeLessThanOrEqual(most)
      expect(least).toBeGreaterThan(0)
    }
    expect(Object.values(limitGroups).flatMap(group => Object.keys(group))).toEqual(limitNames)
    expect(new Set(limitNames).size).toBe(limitNames.length)
  })

  test('is in the help, each with its default and its variable', async () => {
    const said = (await serve(['--help'])).said.replace(/\s+/g, ' ')
    for (const [name, { unit, of, value }] of entries) {
      expect(said).toContain(`--${flagOf(name)} <${unit}> ${of} (default: ${value}, env: ${variable(name)})`)
    }
  })

  test('has no time that a timer cannot wait', () => {
    for (const [, { unit, most }] of entries) if (unit === 'ms') expect(most).toBeLessThanOrEqual(day)
  })

  test('has for each limit tests at, below and above it that carry its name', () => {
    const titles = sources()
      .filter(({ path }) => /^(test|e2e)\/.*\.test\.ts$/.test(path))
      .flatMap(({ texts }) => texts.map(({ value }) => value))
    const named = titles.flatMap(title =>
      [...title.matchAll(/^\[limit (\w+)\]/g)].map(([, name]) => name ?? ''),
    )
    expect([...new Set(named)].toSorted()).toEqual([...limitNames].toSorted())
  }, 120_000)
})

describe.each(entries)('%s', (name, { value, least, most }) => {
  const nonsense = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, least - 1, most + 1, '5', null, true]

  test('cannot be nonsense in code', async () => {
    for (const bad of nonsense) {
      const limits = { [name]: bad } as Partial<Limits>
      expect(() => settleLimits(limits)).toThrow(RangeError)
      await expect(startServer({ port: 0, store: 'memory', limits })).rejects.toThrow(
        `the limit ${name} must be`,
      )
    }
  })

  test('cannot be nonsense by flag or variable', async () => {
    const tooMuch = `${BigInt(most) + 1n}`
    const tries = [
      ...['0', '-1', '1.5', 'NaN', '', tooMuch].map(bad => serve([`--${flagOf(name)}=${bad}`])),
      ...['0', ' ', tooMuch].map(bad => serve([], { [variable(name)]: bad })),
    ]
    for (const { limits, said } of await Promise.all(tries)) {
      expect(limits).toBeUndefined()
      expect(said).toContain(`--${flagOf(name)}`)
      expect(said).toContain('It must be a whole number')
    }
  })

  test('can be the least, the most and the default, in code, by flag and by variable', async () => {
    for (const good of [least, value, most]) {
      // A request has at least the time of its head.
      const others = name === 'headersMs' ? { requestMs: day } : {}
      const headers = name === 'requestMs' ? { headersMs: least } : {}
      expect(settleLimits({ ...others, ...headers, [name]: good })).toEqual({
        ...defaultLimits,
        ...others,
        ...headers,
        [name]: good,
      })
      for (const { limits } of [
        await serve([`--${flagOf(name)}`, `${good}`]),
        await serve([], { [variable(name)]: `${good}` }),
      ]) {
        expect(limits).toEqual({ ...defaultLimits, [name]: good })
      }
    }
  })
})

test('Limits that do not go together, and names that are none, are refused', async () => {
  const start = (limits: Record<string, number>) => startServer({ port: 0, store: 'memory', limits })
  await expect(start({ headersMs: 2_000, requestMs: 1_999 })).rejects.toThrow('requestMs (--request-ms)')
  await expect(start({ bodyBites: 1 })).rejects.toThrow('there is no limit bodyBites')
  expect(settleLimits({ headersMs: 2_000, requestMs: 2_000 }).requestMs).toBe(2_000)
  expect(settleLimits()).toEqual(defaultLimits)
})
