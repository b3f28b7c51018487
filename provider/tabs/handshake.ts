import * as Y from 'yjs'
import type { Env } from '../../client/index.ts'
import type { Replica } from '../replica.ts'
import type { Edit, Said } from './message.ts'
import type { Nearby } from './nearby.ts'

type Hello = Extract<Said, { kind: 'hello' }>
type Welcome = Extract<Said, { kind: 'welcome' }>
type Teach = Extract<Said, { kind: 'teach' }>

export interface HandshakeParts {
  readonly replica: Replica
  readonly nearby: Nearby | undefined
  readonly env: Pick<Env, 'now'>
}

/** What a tab that came, or heard of a new leader, says of itself. */
export const helloOf = ({ replica, nearby }: HandshakeParts): Hello => ({
  kind: 'hello',
  state: Y.encodeStateVector(replica.doc),
  client: nearby?.client,
  presence: nearby?.introduce(),
})

/** The leader's answer to a hello, but for what the rest of the welcome says. */
export const welcomeOf = (
  { replica, nearby }: HandshakeParts,
  hello: Hello,
  rest: Pick<Welcome, 'to' | 'link' | 'tabs' | 'leaders'>,
): Welcome => {
  const { tabs } = rest
  const clients = new Set(tabs.flatMap(({ client }) => client ?? []))
  return {
    kind: 'welcome',
    ...rest,
    update: Y.encodeStateAsUpdate(replica.doc, hello.state),
    state: Y.encodeStateVector(replica.doc),
    place: replica.place,
    nearby: nearby?.encode(clients),
    others: nearby?.encodeOthers(clients),
    ages: nearby?.ages ?? new Map(),
  }
}

/** Whether the leader has the life of the document that this tab has; undefined when it read it, and found nothing in it. */
export const isKin = ({ replica }: HandshakeParts, { place }: Welcome): boolean | undefined =>
  !place || replica.ledger.resembles(place.ledger)

/**
 * Takes the leader's welcome, and with it the leader's knowledge of the server.
 * @returns what the leader must know in turn
 */
export const enter = (
  { replica, nearby, env }: HandshakeParts,
  leader: string,
  welcome: Welcome,
): Teach | Edit | undefined => {
  const { place, update } = welcome
  const own = replica.place
  if (place) replica.joinPlace(place)
  replica.hear(update)
  replica.reconsider(place?.unsavedSince ?? env.now())
  nearby?.hear(welcome.nearby, true)
  nearby?.meet(welcome.others, welcome.ages)
  if (own && !place) {
    return {
      kind: 'teach',
      to: leader,
      update: Y.encodeStateAsUpdate(replica.doc, welcome.state),
      place: own,
    }
  }
  const unsaved = replica.missing()
  return unsaved && { kind: 'edit', update: unsaved, leader }
}

/**
 * A leader that has not read the document itself goes on from where another tab is. One that has may have another life of it.
 * @returns whether it did
 */
export const learn = ({ replica, env }: HandshakeParts, { place, update }: Teach): boolean => {
  if (replica.known) return false
  replica.joinPlace(place)
  replica.hear(update)
  replica.reconsider(place.unsavedSince ?? env.now())
  return true
}
