import { describe, expect, test } from 'vitest'
import { type Grants, judge, readGrants } from '../../server/access/grants.ts'
import { actions } from '../../server/access/question.ts'
import { question } from './question.ts'

const granted = (...claim: readonly unknown[]): Grants => {
  const grants = readGrants(claim)
  if (!grants) throw new Error(`no grants: ${JSON.stringify(claim)}`)
  return grants
}
const docs = (pattern: string, ...rights: readonly string[]) => ({ docs: pattern, rights })
const streams = (pattern: string, ...rights: readonly string[]) => ({ streams: pattern, rights })
const ofDocument = (service: string, document: string) => question({ service, document })
const ofStream = (stream: string) => question({ service: stream.split('/')[0], document: undefined, stream })

describe('Grants are read', () => {
  test('[A1] as one pattern and its rights each', () => {
    expect(granted(docs('a/docs/*', 'read'), streams('a/**', ...actions))).toHaveLength(2)
    expect(granted({ rights: [], docs: 'a/docs/x' })).toHaveLength(1)
  })

  test.each([
    ['no list', { docs: 'a/docs/*', rights: ['read'] }],
    ['a text', '**'],
    ['null', null],
    ['an entry that is none', ['a/docs/*']],
    ['an entry of null', [null]],
    ['no rights', [{ docs: 'a/docs/*' }]],
    ['rights as a text', [{ docs: 'a/docs/*', rights: 'read' }]],
    ['a right that is none', [docs('a/docs/*', 'read', 'raed')]],
    ['a right that every object has', [docs('a/docs/*', 'constructor')]],
    ['no pattern', [{ rights: ['read'] }]],
    ['two patterns', [{ docs: 'a/docs/*', streams: 'a/*', rights: ['read'] }]],
    ['a restriction of another time', [{ docs: 'a/docs/*', rights: ['read'], until: 'friday' }]],
    ['a place that is none', [{ files: 'a/*', rights: ['read'] }]],
    ['a list of patterns', [{ docs: ['a/docs/*'], rights: ['read'] }]],
  ])('[A1] and %s is no grant', (_, claim) => expect(readGrants(claim)).toBeUndefined())

  test.each(['', '/', '/a', 'a/', 'a//b', '/**', '**/', 'a*', '*a', 'a/b*c', '***', 'a/**b', '*.*'])(
    '[A2] and %j is no pattern',
    pattern => expect(readGrants([docs(pattern, 'read')])).toBeUndefined(),
  )

  test('[A3] up to 100, of up to 512 characters', () => {
    const many = (count: number) => Array.from({ length: count }, (_, at) => docs(`a/docs/${at}`, 'read'))
    expect(readGrants(many(100))).toHaveLength(100)
    expect(readGrants(many(101))).toBeUndefined()
    expect(readGrants([docs('x'.repeat(512), 'read')])).toHaveLength(1)
    expect(readGrants([docs('x'.repeat(513), 'read')])).toBeUndefined()
  })

  test('[A4] from no claim as none', () => {
    expect(readGrants(undefined)).toEqual([])
    expect(judge([], ofDocument('acme', 'a'))).toBe('deny')
  })
})

describe('A path', () => {
  test.each([
    ['acme/docs/notes/*', 'acme', 'notes/a', true],
    ['acme/docs/notes/*', 'acme', 'notes', false],
    ['acme/docs/notes/*', 'acme', 'notes/a/b', false],
    ['acme/docs/notes/*', 'acme', 'xnotes/a', false],
    ['acme/docs/notes/*', 'acme', 'notesx/a', false],
    ['acme/docs/notes/*', 'acme2', 'notes/a', false],
    ['acme/docs/notes/*', 'Acme', 'notes/a', false],
    ['acme/docs/notes/*', 'acme', 'Notes/a', false],
    ['acme/docs/notes', 'acme', 'notes', true],
    ['acme/docs/notes', 'acme', 'notes/a', false],
    ['acme/docs/**', 'acme', 'a/b/c', true],
    ['acme/docs/**/z', 'acme', 'z', true],
    ['acme/docs/**/z', 'acme', 'a/b/z', true],
    ['acme/docs/**/z', 'acme', 'a/b/z/c', false],
    ['acme/**', 'acme', 'a', true],
    ['acme/*', 'acme', 'a', false],
    ['*/docs/a', 'anybody', 'a', true],
    ['**', 'anybody', 'a/b', true],
    ['acme', 'acme', 'a', false],
    ['acme/docs', 'acme', 'a', false],
    ['acme/streams/**', 'acme', 'a', false],
    ['.*', 'acme', 'a', undefined],
    ['acme/docs/.', 'acme', 'x', false],
    ['acme/docs/[a-z]', 'acme', 'a', false],
    ['acme/docs/(a|b)', 'acme', 'a', false],
    ['acme/docs/?', 'acme', 'a', false],
    ['acme/docs/a$', 'acme', 'a', false],
  ])('[A5] by %s: %s, %s: %s', (pattern, service, document, matches) => {
    const grants = readGrants([docs(pattern, 'read')])
    if (matches === undefined) expect(grants).toBeUndefined()
    else expect(judge(grants ?? [], ofDocument(service, document)) === 'allow').toBe(matches)
  })

  test('[A5] of a document is none of a stream, nor the other way round', () => {
    expect(judge(granted(docs('**', 'read')), ofStream('acme/docs/a'))).toBe('deny')
    expect(judge(granted(streams('**', 'read')), ofDocument('acme', 'a'))).toBe('deny')
    expect(judge(granted(streams('acme/docs/a', 'read')), ofStream('acme/docs/a'))).toBe('allow')
  })

  test('[A5] of a stream may hold what a pattern means something by', () => {
    expect(judge(granted(streams('acme/a', 'read')), ofStream('acme/*'))).toBe('deny')
    expect(judge(granted(streams('acme/*', 'read')), ofStream('acme/**'))).toBe('allow')
  })

  test('[A5] gets the rights of all grants that match it', () => {
    const grants = granted(
      docs('acme/**', 'read'),
      docs('acme/docs/notes/*', 'write'),
      docs('b/**', 'delete'),
    )
    expect(judge(grants, question({ action: 'write' }))).toBe('allow')
    expect(judge(grants, question({ action: 'delete' }))).toBe('deny')
  })

  test('[A5] of a subscription lies below its service, or above all', () => {
    const asked = (service: string | undefined, subscription: string) =>
      question({ action: 'subscribe', service, document: undefined, subscription })
    const acme = granted(streams('acme/**', 'subscribe'))
    expect(judge(acme, asked('acme', 'one'))).toBe('allow')
    expect(judge(acme, asked('b', 'one'))).toBe('deny')
    expect(judge(acme, asked(undefined, 'acme'))).toBe('deny')
    const one = granted(streams('acme/__ds/subscriptions/one', 'subscribe'))
    expect([judge(one, asked('acme', 'one')), judge(one, asked('acme', 'two'))]).toEqual(['allow', 'deny'])
    expect(judge(granted(streams('__ds/subscriptions/*', 'subscribe')), asked(undefined, 'x'))).toBe('allow')
  })

  test('[A5] that is none has no rights', () => {
    const nothing = question({ service: undefined, document: undefined })
    expect(judge(granted(docs('**', ...actions), streams('**', ...actions)), nothing)).toBe('deny')
  })

  test.each(actions.filter(action => action !== 'read'))(
    '[A6] that may be read and not written is read-only to %s',
    action => {
      const ask = question({ action })
      expect(judge(granted(docs('**', 'read')), ask)).toBe('read-only')
      const writer = granted(docs('**', 'read', 'write'))
      expect(judge(writer, ask)).toBe(action === 'write' ? 'allow' : 'deny')
      expect(judge(granted(docs('**', 'presence')), ask)).toBe(action === 'presence' ? 'allow' : 'deny')
    },
  )
})

test('[A3] the costliest claim is judged in no time', () => {
  const pattern = Array.from({ length: 170 }, () => '**')
    .join('/')
    .slice(0, 500)
  const hostile = [`${pattern}/z`, `${'*/**/'.repeat(80)}z`, `${'a/**/'.repeat(80)}z`]
  const grants = granted(...Array.from({ length: 99 }, (_, at) => docs(hostile[at % 3] ?? '', 'read')))
  const longest = ofDocument('acme', Array.from({ length: 128 }, () => 'a').join('/'))
  const began = performance.now()
  expect(judge(grants, longest)).toBe('deny')
  expect(performance.now() - began).toBeLessThan(2_000)
})
