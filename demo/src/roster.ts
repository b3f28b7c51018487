import { freeColor, isColor, palette } from './color.ts'
import { cleanName, type Identity } from './identity.ts'

/** Somebody with this document open. */
export interface Person {
  /** The Yjs client, one per window. */
  readonly client: number
  readonly name: string
  readonly color: string
  readonly self: boolean
}

/**
 * Everybody here, this window first, the rest by name. What others sent is not trusted.
 * @param states as the awareness holds them
 */
export const roster = (
  states: ReadonlyMap<number, Readonly<Record<string, unknown>>>,
  self: number,
): readonly Person[] =>
  [...states]
    .filter(([, state]) => isRecord(state['user']))
    .map(([client, state]): Person => {
      const user = isRecord(state['user']) ? state['user'] : {}
      return {
        client,
        name: cleanName(user['name']) ?? 'Somebody',
        color: isColor(user['color']) ? user['color'] : colorOf(client),
        self: client === self,
      }
    })
    .sort((a, b) => Number(b.self) - Number(a.self) || a.name.localeCompare(b.name) || a.client - b.client)

/**
 * The identity to go on with: one whose dealt colour somebody else has too takes a free one. Only the later client
 * number moves, so two that meet do not swap for ever.
 */
export const distinct = (me: Identity, people: readonly Person[], random: () => number): Identity => {
  const self = people.find(person => person.self)
  const others = people.filter(person => !person.self)
  if (me.picked || !self) return me
  if (!others.some(other => other.color === me.color && other.client < self.client)) return me
  return { ...me, color: freeColor(new Set(others.map(other => other.color)), random) }
}

const colorOf = (client: number): string => palette[client % palette.length]?.value ?? palette[0].value

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
