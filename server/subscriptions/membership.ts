import type { Glob } from './glob.ts'
import type { Links, Tails } from './links.ts'
import { tailOf } from './links.ts'
import type { Link } from './record.ts'

/** N15 What the pattern covers when a subscription is made begins at its tail, so that nothing old is replayed (6.2). */
export const atTails = (paths: readonly string[], tails: Tails): Links =>
  new Map(
    paths.flatMap(path => {
      const state = tails.get(path)
      return state ? [[path, { explicit: false, at: tailOf(state) }]] : []
    }),
  )

/**
 * PROTOCOL 6.4.
 * - N9 A stream asked for by name begins at its tail; one that is not there yet, at its beginning.
 * - N10 One that the pattern brought keeps its cursor and is explicit from now on.
 */
export const addExplicit = (links: Links, paths: readonly string[], tails: Tails): Links => {
  const next = new Map(links)
  for (const path of paths) {
    const link = next.get(path)
    const state = tails.get(path)
    next.set(
      path,
      link ? { ...link, explicit: true } : { explicit: true, ...(state && { at: tailOf(state) }) },
    )
  }
  return next
}

/** N11 Taking the name away leaves a stream that the pattern covers as it is. */
export const removeExplicit = (links: Links, path: string, glob: Glob | undefined): Links => {
  const link = links.get(path)
  if (!link?.explicit) return links
  const next = new Map(links)
  if (glob?.matches(path)) next.set(path, { ...link, explicit: false })
  else next.delete(path)
  return next
}

/**
 * What an append or a look around found.
 * - N12 A stream that the pattern covers and that was not linked is linked before its first byte (PROTOCOL 6.2).
 * - N13 A stream that was looked for and is no more is forgotten, unless it was asked for by name.
 * - N14 There is an end to it: beyond `most` nothing more is linked.
 * The same object when nothing changed.
 */
export const joinFound = (
  links: Links,
  looked: Iterable<string>,
  tails: Tails,
  most: number,
): { readonly links: Links; readonly left: number } => {
  const next = new Map<string, Link>(links)
  let left = 0
  let changed = false
  for (const path of looked) {
    const link = next.get(path)
    if (!tails.has(path)) {
      if (link && !link.explicit) changed = next.delete(path)
      continue
    }
    if (link) continue
    if (next.size >= most) {
      left++
      continue
    }
    next.set(path, { explicit: false })
    changed = true
  }
  return { links: changed ? next : links, left }
}
