import {
  type AwarenessEntry,
  absentState,
  ContentType,
  DefaultAwareness,
  decodeAwareness,
  decodeFrames,
  encodeAwareness,
  encodeFrames,
  Query,
  Sentinel,
} from '../../protocol/index.ts'
import { type App, at, nextOf, openApp } from '../http/fixture.ts'
import { d } from './fixture.ts'

export const aware = (awareness: string = DefaultAwareness, query: Record<string, string> = {}, path = d) =>
  at(path, { [Query.awareness]: awareness, ...query })

export const entry = (
  client: number,
  clock: number,
  state: unknown = { name: `client ${client}` },
): AwarenessEntry => ({
  client,
  clock,
  state: state === null ? absentState : JSON.stringify(state),
})

export const presenceOf = (...entries: AwarenessEntry[]): Uint8Array =>
  encodeFrames([encodeAwareness(entries)])

export const entriesIn = (bytes: Uint8Array): AwarenessEntry[] => decodeFrames(bytes).flatMap(decodeAwareness)

/** A document with its default awareness stream. */
export const withDocument = async (opening: Parameters<typeof openApp>[0] = {}) => {
  const app = openApp(opening)
  await app.send('PUT', d)
  const say = (...entries: AwarenessEntry[]) => speak(app, presenceOf(...entries))
  return { ...app, app, say }
}

export const speak = ({ send }: App, body: string | Uint8Array, awareness?: string): Promise<Response> =>
  send('POST', aware(awareness), { type: ContentType.binary, body })

/** Everybody present, and where to go on from. */
export const join = async ({ send }: App, awareness?: string) => {
  const answer = await send('GET', aware(awareness, { [Query.offset]: Sentinel.snapshot }))
  const bytes = new Uint8Array(await answer.arrayBuffer())
  return { answer, bytes, offset: nextOf(answer), entries: entriesIn(bytes) }
}

export const presentClients = async (app: App, awareness?: string): Promise<number[]> =>
  (await join(app, awareness)).entries
    .filter(({ state }) => state !== absentState)
    .map(({ client }) => client)
    .toSorted((a, b) => a - b)
