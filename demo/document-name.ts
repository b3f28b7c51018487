/** One path segment: letters and digits of any script; inside also marks, spaces, `-` and `_`. No dots: those are files. */
const shape = /^[\p{L}\p{N}](?:[\p{L}\p{N}\p{M} _-]{0,78}[\p{L}\p{N}\p{M}])?$/u

/** The document that a page's path names, or nothing when the path is not a document's page. */
export const documentNameOf = (pathname: string): string | undefined => {
  let name: string
  try {
    name = decodeURIComponent(pathname.slice(1))
  } catch {
    return undefined
  }
  return shape.test(name) ? name : undefined
}

/** The page's path of a document. */
export const pathOfDocument = (name: string): string => `/${encodeURIComponent(name)}`

/** What people read: `quiet-river-stone` is "Quiet river stone". */
export const titleOf = (name: string): string => {
  const words = name.replace(/[-_ ]+/g, ' ')
  return words.charAt(0).toLocaleUpperCase() + words.slice(1)
}

const moods =
  'amber bold bright calm clear early gentle golden green hidden light long low misty open pale plain'
const kinds = 'quick quiet rapid round silver slow small soft still tall warm white wide wild winding young'
const waters =
  'bay beck brook canal cove creek delta dune estuary ferry ford harbor inlet island lagoon lake marsh'
const things =
  'anchor beacon birch bridge cedar cloud heron lantern maple meadow mill otter pebble reed stone willow'

const adjectives = `${moods} ${kinds}`.split(' ')
const places = waters.split(' ')
const nouns = things.split(' ')

/** A fresh name that can be read aloud. @param random a number in [0, 1) */
export const freshDocumentName = (random: () => number): string =>
  [adjectives, places, nouns].map(words => words[Math.floor(random() * words.length)]).join('-')

const letters = '0123456789abcdefghijklmnopqrstuvwxyz'

/** A fresh name that nobody else has: one that can be read aloud, and five letters. @param random a number in [0, 1) */
export const unusedDocumentName = (random: () => number): string => {
  const tail = Array.from({ length: 5 }, () => letters[Math.floor(random() * letters.length)])
  return `${freshDocumentName(random)}-${tail.join('')}`
}
