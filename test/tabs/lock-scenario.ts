import type { Locks } from '../../provider/tabs/origin.ts'

/** Locks, and what only some callers need of them. */
export interface AllLocks extends Locks {
  request<Result>(
    name: string,
    options: {
      readonly signal?: AbortSignal
      readonly steal?: boolean
      readonly ifAvailable?: boolean
      readonly mode?: 'exclusive' | 'shared'
    },
    held: (lock: unknown) => Promise<Result>,
  ): Promise<Result>
}

/**
 * What these locks did: simulated and real ones must do the same. Within each part of the story whoever asked comes by name,
 * and what happened to them in order: which of two hears first of what concerns both is left to chance in browsers.
 */
export const lockScenario = async (locks: AllLocks): Promise<readonly string[]> => {
  const parts: string[][] = []
  const begin = (part: string) => parts.push([`# ${part}`])
  const note = (what: string) => {
    parts.at(-1)?.push(what)
  }
  const problem = (who: string) => (error: unknown) =>
    note(`${who} rejects: ${error instanceof Error || error instanceof DOMException ? error.name : error}`)
  const ask = (who: string, name: string, options: Parameters<AllLocks['request']>[1]) => {
    let leave: (value: string) => void = () => undefined
    let enter: () => void = () => undefined
    const entered = new Promise<void>(resolve => {
      enter = resolve
    })
    const left = new Promise<string>(resolve => {
      leave = resolve
    })
    const over = locks
      .request(name, options, lock => {
        note(lock === null ? `${who} gets none` : `${who} holds`)
        enter()
        return left
      })
      .then(value => note(`${who} ends: ${value}`), problem(who))
    return { entered, over, leave: () => leave('by itself') }
  }

  begin('one after another')
  const [a, b, c] = [ask('a', 'queue', {}), ask('b', 'queue', {}), ask('c', 'queue', {})]
  await a.entered
  a.leave()
  await b.entered
  await a.over
  b.leave()
  await c.entered
  await b.over

  begin('only if it is free')
  const d = ask('d', 'queue', { ifAvailable: true })
  await d.entered
  d.leave()
  await d.over

  begin('given up while waiting')
  const bored = new AbortController()
  const e = ask('e', 'queue', { signal: bored.signal })
  const f = ask('f', 'queue', {})
  bored.abort()
  await e.over
  c.leave()
  await f.entered
  await c.over

  begin('given up too late')
  const late = new AbortController()
  const g = ask('g', 'other', { signal: late.signal })
  await g.entered
  late.abort()
  g.leave()
  await g.over
  await ask('h', 'other', { signal: late.signal }).over

  begin('stolen, and given back to who waits')
  const i = ask('i', 'queue', {})
  const j = ask('j', 'queue', { steal: true })
  await f.over
  await j.entered
  f.leave()
  j.leave()
  await i.entered
  await j.over
  i.leave()
  await i.over

  begin('stolen from a thief')
  const k = ask('k', 'queue', { steal: true })
  await k.entered
  const l = ask('l', 'queue', { steal: true })
  const m = ask('m', 'queue', { steal: true })
  await Promise.all([k.over, l.over, m.entered])
  m.leave()
  await m.over

  begin('shared')
  const alone = ask('alone', 'shared', {})
  await alone.entered
  const [n, o] = [ask('n', 'shared', { mode: 'shared' }), ask('o', 'shared', { mode: 'shared' })]
  alone.leave()
  await Promise.all([n.entered, o.entered, alone.over])
  n.leave()
  await n.over
  o.leave()
  await o.over

  begin('what goes wrong')
  const failing = () => Promise.reject(new RangeError('on purpose'))
  await locks.request('queue', {}, failing).then(note, problem('p'))
  const { signal } = new AbortController()
  await ask('q', 'queue', { steal: true, signal }).over
  await ask('r', 'queue', { steal: true, ifAvailable: true }).over
  const s = ask('s', 'queue', { ifAvailable: true })
  s.leave()
  await s.over
  const who = (line: string) => line.split(' ')[0] ?? ''
  return parts.flatMap(lines => lines.toSorted((a, b) => (who(a) < who(b) ? -1 : Number(who(a) > who(b)))))
}

/** What the locks of Chromium did. */
export const lockStory: readonly string[] = [
  '# one after another',
  'a holds',
  'a ends: by itself',
  'b holds',
  'b ends: by itself',
  'c holds',
  '# only if it is free',
  'd gets none',
  'd ends: by itself',
  '# given up while waiting',
  'c ends: by itself',
  'e rejects: AbortError',
  'f holds',
  '# given up too late',
  'g holds',
  'g ends: by itself',
  'h rejects: AbortError',
  '# stolen, and given back to who waits',
  'f rejects: AbortError',
  'i holds',
  'i ends: by itself',
  'j holds',
  'j ends: by itself',
  '# stolen from a thief',
  'k holds',
  'k rejects: AbortError',
  'l holds',
  'l rejects: AbortError',
  'm holds',
  'm ends: by itself',
  '# shared',
  'alone holds',
  'alone ends: by itself',
  'n holds',
  'n ends: by itself',
  'o holds',
  'o ends: by itself',
  '# what goes wrong',
  'p rejects: RangeError',
  'q rejects: NotSupportedError',
  'r rejects: NotSupportedError',
  's holds',
  's ends: by itself',
]
