import { describe, expect, test } from 'vitest'
import { type Facts, describe as inWords } from '../../demo/src/status.ts'

const noon = new Date(2026, 10, 21, 12).getTime()
const facts = (given: Partial<Facts> = {}): Facts => ({
  status: 'connected',
  saved: true,
  unsaved: 0,
  since: undefined,
  keptIn: 'browser',
  error: undefined,
  offlineByChoice: false,
  online: true,
  now: noon,
  ...given,
})
const waiting = (unsaved: number) => ({ saved: false, unsaved })
const network = { fatal: false }
const refused = { fatal: true }

describe('the words about connection and edits', () => {
  test.each<[string, Partial<Facts>, string, string, string]>([
    ['connected and saved', {}, 'saved', 'good', 'Connected – all changes saved'],
    ['connected with edits on their way', waiting(2), 'saving', 'busy', 'Saving…'],
    [
      'connected but refused for now',
      { ...waiting(2), error: network },
      'saving',
      'warn',
      'Saving, trying again… – 2 changes not saved yet, kept in this browser',
    ],
    ['connecting for the first time', { status: 'connecting' }, 'connecting', 'busy', 'Connecting…'],
    [
      'connecting with edits',
      { status: 'connecting', ...waiting(1) },
      'connecting',
      'busy',
      'Connecting – 1 change not saved yet',
    ],
    [
      'offline by choice',
      { status: 'disconnected', offlineByChoice: true },
      'offline',
      'calm',
      'Offline – all changes saved',
    ],
    [
      'offline by choice with edits',
      { status: 'disconnected', offlineByChoice: true, ...waiting(3) },
      'offline',
      'warn',
      'Offline – 3 changes not saved yet, kept in this browser',
    ],
    [
      'disconnected by somebody else',
      { status: 'disconnected' },
      'offline',
      'calm',
      'Offline – all changes saved',
    ],
    [
      'a server that does not answer',
      { status: 'connecting', error: network },
      'away',
      'warn',
      'Server away – trying again…',
    ],
    [
      'a server that does not answer, and edits',
      { status: 'connecting', error: network, ...waiting(1_234) },
      'away',
      'warn',
      'Server away – 1,234 changes kept in this browser, trying again…',
    ],
    [
      'a browser without a network',
      { status: 'connecting', online: false },
      'away',
      'warn',
      'No network – trying again…',
    ],
    [
      'a fatal error',
      { status: 'disconnected', error: refused },
      'stopped',
      'bad',
      'Stopped – all changes saved',
    ],
    [
      'a fatal error with edits',
      { status: 'disconnected', error: refused, ...waiting(12) },
      'stopped',
      'bad',
      'Stopped – 12 changes not saved, kept in this browser',
    ],
    [
      'edits of a minute ago',
      { status: 'disconnected', ...waiting(3), since: noon - 60_000 },
      'offline',
      'warn',
      'Offline – 3 changes not saved since 11:59, kept in this browser',
    ],
    [
      'edits of just now',
      { status: 'disconnected', ...waiting(3), since: noon - 59_999 },
      'offline',
      'warn',
      'Offline – 3 changes not saved yet, kept in this browser',
    ],
    [
      'edits of another day, with the server away',
      {
        status: 'connecting',
        error: network,
        ...waiting(7),
        since: new Date(2026, 10, 19, 9, 5).getTime(),
      },
      'away',
      'warn',
      'Server away – 7 changes kept in this browser since 19 Nov, 09:05, trying again…',
    ],
    [
      'edits where the browser keeps nothing',
      { status: 'disconnected', ...waiting(2), keptIn: 'window' },
      'offline',
      'warn',
      'Offline – 2 changes not saved yet, kept in this window',
    ],
    [
      'edits that nobody counted',
      { status: 'disconnected', saved: false },
      'offline',
      'warn',
      'Offline – changes not saved yet, kept in this browser',
    ],
  ])('%s is told as it is', (_case, given, state, tone, text) => {
    expect(inWords(facts(given))).toEqual({ state, tone, text })
  })

  const every: Facts[] = (['connecting', 'connected', 'disconnected'] as const).flatMap(status =>
    [true, false].flatMap(saved =>
      [undefined, network, refused].flatMap(error =>
        [true, false].flatMap(offlineByChoice =>
          [true, false].map(online =>
            facts({ status, saved, unsaved: saved ? 0 : 1, error, offlineByChoice, online }),
          ),
        ),
      ),
    ),
  )

  test('unsaved edits are never called saved, in any combination of facts', () => {
    for (const each of every.filter(({ saved }) => !saved)) {
      expect(inWords(each)).not.toMatchObject({ state: 'saved' })
      expect(inWords(each).text).not.toContain('all changes saved')
    }
  })

  test('edits are said to be in this browser only where it keeps them', () => {
    for (const each of every) {
      const { text } = inWords({ ...each, keptIn: 'window' })
      expect(text).not.toContain('this browser')
    }
  })

  test('"Connected" is said only when it is', () => {
    for (const each of every.filter(({ status }) => status !== 'connected')) {
      expect(inWords(each).text).not.toContain('Connected')
    }
  })

  test('a fatal error outweighs everything else', () => {
    for (const each of every.filter(({ error }) => error?.fatal)) expect(inWords(each).state).toBe('stopped')
  })
})
