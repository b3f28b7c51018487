import { ControlPath, Path, ReservedSegment } from '../../protocol/index.ts'
import { Glob, isGlob } from '../subscriptions/glob.ts'
import { type AccessQuestion, type Action, actions, type Verdict } from './question.ts'

/** What a token grants: some actions below one place. */
interface Grant {
  readonly place: Place
  readonly glob: Glob
  readonly rights: ReadonlySet<Action>
}

/** `docs` are paths after `/v1/yjs/`, `streams` those after `/v1/stream/`. */
const places = ['docs', 'streams'] as const
type Place = (typeof places)[number]

export type Grants = readonly Grant[]

const mostGrants = 100
const longestPattern = 512

/**
 * Reads the claim of a token: `[{ "docs": "acme/docs/notes/*", "rights": ["read", "write"] }, { "streams": … }]`.
 * - A1 A grant has one pattern, its rights, and nothing else: a restriction not understood here must not be passed over.
 * - A2 A pattern has segments, none of them empty; `*` is any one segment, `**` any number, and neither is part of one.
 * - A3 There are at most 100 grants, of at most 512 characters.
 * - A4 No claim grants nothing.
 * @returns undefined when the claim breaks one of these: then the token is none
 */
export const readGrants = (claim: unknown): Grants | undefined => {
  if (claim === undefined) return []
  if (!Array.isArray(claim) || claim.length > mostGrants) return undefined
  const grants = claim.map(readGrant)
  return grants.every(grant => grant !== undefined) ? grants : undefined
}

const readGrant = (given: unknown): Grant | undefined => {
  if (typeof given !== 'object' || given === null) return undefined
  const { rights, ...rest } = given as Readonly<Record<string, unknown>>
  const [entry, ...others] = Object.entries(rest)
  const place = places.find(one => one === entry?.[0])
  const pattern = entry?.[1]
  if (!place || others.length > 0 || !isPattern(pattern) || !isRights(rights)) return undefined
  return { place, glob: new Glob(pattern), rights: new Set(rights) }
}

const isPattern = (given: unknown): given is string =>
  typeof given === 'string' &&
  given.length <= longestPattern &&
  given.split('/').every(segment => segment !== '') &&
  isGlob(given)

const isRights = (given: unknown): given is readonly Action[] =>
  Array.isArray(given) && given.every(right => actions.includes(right))

/**
 * - A5 A path has the rights of every grant whose pattern it matches, whole and letter by letter.
 * - A6 Who may read a path and not write it is a reader: other actions are refused as read-only.
 */
export const judge = (grants: Grants, question: AccessQuestion): Verdict => {
  const rights = rightsAt(grants, question)
  if (rights.has(question.action)) return 'allow'
  return rights.has('read') && !rights.has('write') ? 'read-only' : 'deny'
}

const rightsAt = (grants: Grants, question: AccessQuestion): ReadonlySet<Action> => {
  const [place, path] = pathOf(question) ?? []
  return new Set(
    grants.flatMap(grant =>
      grant.place === place && path !== undefined && grant.glob.matches(path) ? [...grant.rights] : [],
    ),
  )
}

/** A subscription lies where its URL does: below the streams of its service, or above them all. */
const pathOf = ({
  service,
  document,
  stream,
  subscription,
}: AccessQuestion): readonly [Place, string] | undefined => {
  if (document !== undefined) return ['docs', `${service}/${Path.documents}/${document}`]
  if (stream !== undefined) return ['streams', stream]
  if (subscription === undefined) return undefined
  const control = [ReservedSegment, ControlPath.subscriptions, subscription]
  return ['streams', [...(service === undefined ? [] : [service]), ...control].join('/')]
}
