import { Header, Path, Query, SubscriptionAction } from '../../protocol/index.ts'
import type { AccessQuestion, Action } from '../access/question.ts'
import type { Limits } from '../limits.ts'
import { documentOfIndex } from '../yjs/names.ts'
import { checkAwarenessName, documentName } from './document-target.ts'
import { type Exchange, rawTarget } from './exchange.ts'
import { sourceName } from './fork.ts'
import { snapshotControl } from './snapshot-subscription-target.ts'
import { type ControlTarget, controlTarget } from './subscription-target.ts'
import { pathOf, segmentsOf, streamName } from './target.ts'

type Names = Omit<AccessQuestion, 'action' | 'request' | 'address' | 'signal'>
export type Asked = Names & { readonly action: Action }

/** What a method does to what it names. A method that is unknown is taken for one that changes something. */
const actionOf: Readonly<Record<string, Action>> = {
  GET: 'read',
  HEAD: 'read',
  PUT: 'create',
  DELETE: 'delete',
}
const presenceOf: Readonly<Record<string, Action>> = { GET: 'read', HEAD: 'read', DELETE: 'delete' }

const nothing: Names = {
  service: undefined,
  document: undefined,
  stream: undefined,
  awareness: undefined,
  subscription: undefined,
}

/**
 * What a request to `/v1/` asks for, in the names that its handler will use: all of it must be allowed. Nothing is asked
 * of requests that are for everybody: the server's public keys, and those that carry a token this server made for one wake.
 * @throws Refusal for a target that names nothing which can be: the same answer whoever asks
 */
export const askedBy = (c: Exchange, limits: Limits): readonly Asked[] => {
  const target = rawTarget(c)
  const { method } = c.req
  const [, place] = segmentsOf(pathOf(target))
  const control = controlTarget(target, limits.nameBytes)
  if (control) return askedOf(control, method)
  if (place === placeOf(Path.streams)) {
    const asked = {
      ...streamNames(streamName(target, limits.nameBytes)),
      action: actionOf[method] ?? 'write',
    }
    const source = method === 'PUT' ? c.req.header(Header.forkedFrom) : undefined
    return source === undefined ? [asked] : [asked, readOf(source, limits)]
  }
  const snapshots = snapshotControl(target, limits)
  if (snapshots) {
    const { service, id: subscription } = snapshots.kind === 'nothing' ? unnamed : snapshots
    return [{ ...nothing, action: 'subscribe', service, subscription }]
  }
  if (place === placeOf(Path.yjs)) {
    const { service, path: document } = documentName(target, limits)
    const given = c.req.query(Query.awareness)
    const awareness = given === undefined ? undefined : checkAwarenessName(given, limits)
    const action =
      awareness === undefined ? (actionOf[method] ?? 'write') : (presenceOf[method] ?? 'presence')
    return [{ ...nothing, service, document, awareness, action }]
  }
  return [{ ...nothing, action: actionOf[method] ?? 'write' }]
}

const placeOf = (path: string): string | undefined => segmentsOf(path)[1]

const readOf = (source: string, limits: Limits): Asked => ({
  ...streamNames(sourceName(source, limits.nameBytes)),
  action: 'read',
})

const unnamed = { service: undefined, id: '' }

/** Of a stream as the store knows it. The index of a document's snapshots is for those who may read the document. */
const streamNames = (name: string): Names => {
  const indexed = documentOfIndex(name)
  if (indexed) return { ...nothing, service: indexed.service, document: indexed.path }
  const stream = name.slice(name.indexOf('/') + 1)
  return { ...nothing, service: stream.split('/', 1)[0], stream }
}

/** PROTOCOL 7: workers who answer a wake show what they were given with it. */
const carryTokens = new Set<string>([
  SubscriptionAction.callback,
  SubscriptionAction.ack,
  SubscriptionAction.release,
])

const askedOf = (control: ControlTarget, method: string): readonly Asked[] => {
  if (control.kind === 'nothing') return [{ ...nothing, action: 'subscribe', subscription: '' }]
  if (control.kind === 'keys') return []
  if (carryTokens.has(control.kind) && method === 'POST') return []
  const { service, id: subscription } = control.key
  return [{ ...nothing, action: 'subscribe', service: service || undefined, subscription }]
}
