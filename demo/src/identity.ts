import { freeColor, isColor } from './color.ts'

/** Who writes in this window. */
export interface Identity {
  readonly name: string
  readonly color: string
  /** Whether the person picked the colour. One that was dealt may change when somebody else has it. */
  readonly picked: boolean
}

export const longestName = 40

const moods =
  'Brave Bright Calm Clever Curious Eager Gentle Happy Kind Lively Merry Patient Quick Quiet Swift Wise'
const animals = 'Badger Bear Crane Deer Falcon Finch Fox Hare Heron Lynx Otter Owl Robin Seal Swan Wren'

const key = 'person'

/** The person remembered in this browser, or a friendly stranger. @param random a number in [0, 1) */
export const recall = (storage: Pick<Storage, 'getItem'>, random: () => number): Identity => {
  const kept = parse(storage.getItem(key))
  const picked = kept['picked'] === true && isColor(kept['color'])
  return {
    name: cleanName(kept['name']) ?? strangerName(random),
    color: isColor(kept['color']) ? kept['color'] : freeColor(new Set(), random),
    picked,
  }
}

export const remember = (storage: Pick<Storage, 'setItem'>, identity: Identity): void =>
  storage.setItem(key, JSON.stringify(identity))

/** A name as it may be shown, or nothing when there is none in it. Takes what strangers send, so it takes anything. */
export const cleanName = (name: unknown): string | undefined => {
  if (typeof name !== 'string') return undefined
  const words = name.replace(/[\p{C}\p{Z}\s]+/gu, ' ').trim()
  return words === '' ? undefined : [...words].slice(0, longestName).join('')
}

/** One or two letters for a small circle: "Quiet Heron" is QH. */
export const initialsOf = (name: string): string => {
  const words = name.split(' ').filter(word => /[\p{L}\p{N}]/u.test(word))
  const first = words.at(0) ?? name
  const last = words.length > 1 ? (words.at(-1) ?? '') : ''
  return [first, last]
    .map(word => [...word].at(0) ?? '')
    .join('')
    .toLocaleUpperCase()
}

const strangerName = (random: () => number): string =>
  [moods, animals]
    .map(list => list.split(' '))
    .map(words => words[Math.floor(random() * words.length)])
    .join(' ')

const parse = (text: string | null): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
