import { expect, test } from 'vitest'
import { type Source, sources } from './sources.ts'

/** A place in the house, and what its files may import besides each other: places, single files, packages. */
interface Room {
  readonly place: string
  readonly imports: readonly string[]
  readonly packages: readonly string[]
}

/** DESIGN: imports point one way. The longest place that a path begins with is its room. */
const rooms: readonly Room[] = [
  { place: 'protocol/', imports: [], packages: ['lib0'] },
  { place: 'client/', imports: ['protocol/'], packages: ['eventsource-parser'] },
  {
    place: 'provider/',
    imports: ['client/index.ts', 'protocol/'],
    packages: ['lib0', 'yjs', 'y-protocols'],
  },
  { place: 'react/', imports: ['provider/index.ts'], packages: ['react'] },
  { place: 'server/rules/', imports: ['protocol/'], packages: [] },
  { place: 'server/store/', imports: [], packages: ['lmdb', 'node:'] },
  {
    place: 'server/streams/',
    imports: [
      'protocol/',
      'server/rules/',
      'server/store/store.ts',
      'server/store/failure.ts',
      'server/world.ts',
    ],
    packages: [],
  },
  {
    place: 'server/yjs/',
    imports: ['protocol/', 'server/rules/', 'server/streams/', 'server/limits.ts', 'server/world.ts'],
    packages: ['yjs', 'pino', 'node:worker_threads'],
  },
  {
    place: 'server/subscriptions/',
    imports: ['protocol/', 'server/rules/', 'server/streams/', 'server/limits.ts', 'server/world.ts'],
    packages: ['pino', 'ipaddr.js', 'node:'],
  },
  {
    place: 'server/access/',
    imports: ['protocol/', 'server/subscriptions/glob.ts', 'server/limits.ts', 'server/world.ts'],
    packages: ['pino', 'jose', 'lru-cache', 'ipaddr.js', 'node:'],
  },
  {
    place: 'server/http/',
    imports: [
      'protocol/',
      'server/access/',
      'server/rules/',
      'server/streams/',
      'server/subscriptions/',
      'server/yjs/',
      'server/store/failure.ts',
      'server/limits.ts',
      'server/world.ts',
    ],
    packages: ['hono', '@hono/node-server', 'pino'],
  },
  {
    place: 'server/listen/',
    imports: [
      'protocol/',
      'server/http/answer.ts',
      'server/http/exchange.ts',
      'server/limits.ts',
      'server/repeat.ts',
      'server/world.ts',
    ],
    packages: ['@hono/node-server', 'node:'],
  },
  {
    place: 'server/',
    imports: ['protocol/'],
    packages: ['hono', '@hono/node-server', 'pino', 'commander', 'node:'],
  },
  {
    place: 'demo/',
    imports: [],
    packages: [
      'durable-streams-yjs',
      'yjs',
      'y-protocols',
      '@tiptap/',
      'vite',
      'hono',
      '@hono/node-server',
      'pino',
      'commander',
      'node:',
    ],
  },
]

const roomOf = (path: string): Room | undefined =>
  rooms.filter(room => path.startsWith(room.place)).sort((a, b) => b.place.length - a.place.length)[0]

const all = sources()

const strangers = (source: Source): string[] => {
  const room = roomOf(source.path)
  if (!room) return []
  const home = room.place
  const allowed = home === 'server/' ? [...room.imports, 'server/'] : [...room.imports, home]
  return [
    ...source.imports.filter(path => !allowed.some(place => path.startsWith(place))),
    ...source.packages.filter(
      name => !room.packages.some(one => name === one || (/[:/]$/.test(one) && name.startsWith(one))),
    ),
  ].map(found => `${source.path} imports ${found}`)
}

test('[L1] imports follow the arrows of the design', () => {
  expect(all.flatMap(strangers)).toEqual([])
})

test('[L2] imports form no circle, types counted', () => {
  const graph = new Map(all.map(({ path, imports }) => [path, imports]))
  const done = new Set<string>()
  const circles: string[] = []
  const walk = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path)
    if (at >= 0) circles.push([...trail.slice(at), path].join(' > '))
    if (at >= 0 || done.has(path)) return
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) walk(path, [])
  expect(circles).toEqual([])
})

test('[L3] every import of ours names a file that is there', () => {
  const paths = new Set(all.map(({ path }) => path))
  const lost = all.flatMap(({ path, imports }) =>
    imports
      .filter(found => found.endsWith('.ts') && !paths.has(found))
      .map(found => `${path} imports ${found}`),
  )
  expect(lost).toEqual([])
})
