import * as Y from 'yjs'
import {
  decodeFrames,
  formatOffset,
  Header,
  namesSnapshot,
  parseOffset,
  Query,
  Sentinel,
} from '../../protocol/index.ts'
import type { SimulatedBrowser } from './browser.ts'
import type { SimulatedClient } from './client.ts'
import { contentOf } from './edits.ts'
import type { Journal } from './journal.ts'
import type { Incarnation } from './server.ts'

/** Why two documents are not the same; undefined when they are. */
export const difference = (a: Y.Doc, b: Y.Doc, lost: ReadonlySet<number> = new Set()): string | undefined => {
  const awaited = [...awaitedBy(a), ...awaitedBy(b)].filter(author => !lost.has(author))
  if (awaited.length > 0) return `updates wait for others, of ${awaited}, that never come`
  const [stateA, stateB] = [a, b].map(doc => stateOf(doc))
  if (stateA !== stateB) return `the state vectors differ: ${stateA} and ${stateB}`
  if (!Y.equalSnapshots(Y.snapshot(a), Y.snapshot(b))) return 'the delete sets differ'
  const [contentA, contentB] = [contentOf(a), contentOf(b)]
  if (contentA !== contentB) return `the contents differ: ${excerpts(contentA, contentB)}`
  return undefined
}

/** The first place where two texts differ. */
const excerpts = (a: string, b: string): string => {
  let at = 0
  while (a[at] === b[at]) at++
  const [partA, partB] = [a, b].map(text => text.slice(Math.max(0, at - 40), at + 40))
  return `…${partA}… and …${partB}…`
}

/** Whose changes some updates wait for. */
const awaitedBy = ({ store }: Y.Doc): number[] => [
  ...(store.pendingStructs?.missing.keys() ?? []),
  ...(store.pendingDs ? Y.decodeUpdateV2(store.pendingDs).ds.clients.keys() : []),
]

const stateOf = (doc: Y.Doc): string =>
  [...Y.decodeStateVector(Y.encodeStateVector(doc))]
    .sort(([a], [b]) => a - b)
    .map(([client, clock]) => `${client}@${clock}`)
    .join(' ')

/**
 * The documents agree with each other and with the log, which holds everything once. What a tab said last may wait for what
 * it had told nobody when it died.
 */
export const checkDocuments = (
  browsers: readonly SimulatedBrowser[],
  journal: Journal,
): string | undefined => {
  const replayed = journal.replay()
  for (const { present, tabs } of browsers) {
    const lost = new Set(tabs.filter(tab => !tab.present).flatMap(({ authors }) => [...authors]))
    for (const { doc, plan } of present) {
      const found = difference(doc, replayed, lost)
      if (found) return `${plan.name} and the whole log: ${found}`
    }
  }
  if (journal.doubled.length > 0) {
    const [first] = journal.doubled
    return `${journal.doubled.length} ranges are in the log twice, the first of client ${first?.client}: ${first?.clock}+${first?.length}`
  }
  return undefined
}

type Answer = { readonly url: string; readonly bytes: Uint8Array; readonly headers: Headers }

/** What the server answers a GET on a calm network. */
const get = async ({ handle }: Incarnation, url: string): Promise<Answer> => {
  const response = await handle(new Request(url))
  const location = response.headers.get('Location')
  if (response.status === 307 && location !== null)
    return get({ handle } as Incarnation, new URL(location, url).href)
  if (response.status !== 200) throw new Error(`${url} was answered ${response.status}`)
  return { url, bytes: new Uint8Array(await response.arrayBuffer()), headers: response.headers }
}

const withOffset = (url: string, offset: string): string =>
  `${url}?${new URLSearchParams({ [Query.offset]: offset })}`

/** Everything from an offset on, in as many answers as it takes. */
const catchUp = async (server: Incarnation, url: string, from: string): Promise<Uint8Array> => {
  const parts: Uint8Array[] = []
  for (let offset = from; ; ) {
    const { bytes, headers } = await get(server, withOffset(url, offset))
    parts.push(bytes)
    if (headers.has(Header.upToDate)) return Buffer.concat(parts)
    offset = headers.get(Header.nextOffset) ?? ''
  }
}

/**
 * What the server keeps is what was acknowledged: the log from its first byte, if none of it was trimmed, and what a
 * joiner is given.
 */
export const checkServer = async (
  server: Incarnation,
  url: string,
  journal: Journal,
): Promise<string | undefined> => {
  for (;;) {
    const { bytes } = journal
    const wrong = await compareServer(server, url, journal)
    // What a tab that is gone had under way may arrive while this is read.
    if (wrong === undefined || journal.bytes === bytes) return wrong
  }
}

const compareServer = async (
  server: Incarnation,
  url: string,
  journal: Journal,
): Promise<string | undefined> => {
  const replayed = journal.replay()
  const joiner = new Y.Doc()
  const { url: found, bytes, headers } = await get(server, withOffset(url, Sentinel.snapshot))
  if (namesSnapshot(new URL(found).searchParams.get(Query.offset) ?? '')) Y.applyUpdate(joiner, bytes)
  else for (const update of decodeFrames(bytes)) Y.applyUpdate(joiner, update)
  const next = headers.get(Header.nextOffset) ?? ''
  for (const update of decodeFrames(await catchUp(server, url, next))) Y.applyUpdate(joiner, update)
  const wrong = difference(joiner, replayed)
  if (wrong) return `what a joiner gets and the whole log: ${wrong}`

  const response = await server.handle(new Request(url, { method: 'HEAD' }))
  const tail = response.headers.get(Header.nextOffset) ?? ''
  const generation = Number(tail.split('_')[0])
  if (tail !== formatOffset({ generation, position: journal.bytes })) {
    return `the log ends at ${tail}, ${journal.bytes} bytes were committed`
  }
  const log = await catchUp(server, url, Sentinel.start).catch(async error => {
    // Trimmed, perhaps between two answers.
    const { status } = await server.handle(new Request(withOffset(url, Sentinel.start)))
    if (status !== 410) throw error
  })
  if (!log) return undefined
  const whole = decodeFrames(log)
  const same =
    whole.length === journal.frames.length &&
    whole.every(
      (update, index) => Buffer.compare(update, journal.frames[index]?.update ?? new Uint8Array()) === 0,
    )
  return same ? undefined : 'the log from its start is not what was committed'
}

/** What a browser keeps ends where the log does, once all is quiet, unless its disk gave it trouble. */
export const checkShelf = (
  { shelf, shelfFailed }: SimulatedBrowser,
  journal: Journal,
): string | undefined => {
  if (shelfFailed) return undefined
  if (!shelf.hasPlace) return 'keeps no place to go on from'
  const position = parseOffset(shelf.place?.offset ?? '')?.position
  return position === journal.bytes
    ? undefined
    : `goes on from ${position}, and the log ends at ${journal.bytes}`
}

/** The tabs of a browser that share have one leader, know how many they are, and have one link for each stream. */
export const checkTabs = ({ shares, present, plan }: SimulatedBrowser): string | undefined => {
  const reader = present.find(({ provider }) => provider.readOnly)
  if (reader) return `${reader.plan.name} says that it may not write, and it may`
  const connected = present.filter(({ provider }) => provider.status === 'connected')
  const live = connected.reduce((sum, { desk }) => sum + desk.live, 0)
  const most = (plan.presence ? 2 : 1) * (shares ? Math.min(1, connected.length) : connected.length)
  if (live > most) return `${live} live links are open where ${most} are enough`
  for (const { provider, plan } of connected) {
    const count = provider.tabs?.count
    if (count !== (shares ? connected.length : undefined))
      return `${plan.name} counts ${count} tabs of ${connected.length}`
  }
  const leaders = connected.filter(({ provider }) => provider.tabs?.leading)
  if (shares && connected.length > 0 && leaders.length !== 1) return `${leaders.length} tabs lead`
  return undefined
}

/** Everybody present sees everybody present, as they are now. */
export const checkPresence = (clients: readonly SimulatedClient[]): string | undefined => {
  const present = clients.filter(({ awareness }) => awareness)
  for (const { awareness, plan } of present) {
    const seen = [...(awareness?.getStates() ?? [])]
    for (const other of present) {
      const state = awareness?.getStates().get(other.doc.clientID)
      if (JSON.stringify(state) !== JSON.stringify(other.state)) {
        return `${plan.name} sees ${other.plan.name} as ${JSON.stringify(state)}, not ${JSON.stringify(other.state)}`
      }
    }
    if (seen.length > present.length)
      return `${plan.name} sees somebody who is not there: ${JSON.stringify(seen)}`
  }
  return undefined
}
