import type { Gate, GatedStore } from './gates.ts'
import { settled } from './world.ts'

/** Decides which of `count` things happens next. */
export type Choose = (count: number) => number

/**
 * Runs `scenario` once for every way its choices can fall, or `most` of them. The scenario must be the same whenever the
 * same is chosen.
 * @returns how many runs there were, and whether these were all
 */
export const everySchedule = async (
  scenario: (choose: Choose) => Promise<void>,
  most: number,
): Promise<{ runs: number; all: boolean }> => {
  let path: { readonly chosen: number; readonly count: number }[] = []
  for (let runs = 1; ; runs++) {
    let depth = 0
    const choose: Choose = count => {
      const before = path[depth]
      if (!before) path.push({ chosen: 0, count })
      return path[depth++]?.chosen ?? 0
    }
    try {
      await scenario(choose)
    } catch (error) {
      throw new Error(`schedule ${JSON.stringify(path.map(({ chosen }) => chosen))} fails`, { cause: error })
    }
    while (path.length > 0 && (path.at(-1)?.chosen ?? 0) + 1 >= (path.at(-1)?.count ?? 0))
      path = path.slice(0, -1)
    const last = path.at(-1)
    if (!last) return { runs, all: true }
    if (runs === most) return { runs, all: false }
    path[path.length - 1] = { chosen: last.chosen + 1, count: last.count }
  }
}

/** The choices a list of numbers makes; none of them, once it is at its end. */
export const chosenBy = (numbers: readonly number[]): Choose => {
  let at = 0
  return count => (numbers[at++] ?? 0) % count
}

/**
 * Lets the store answer, one call at a time, and starts `steps`, in the order that `choose` says, until everything is
 * over.
 */
export const play = async (
  gated: readonly GatedStore[],
  steps: readonly (() => void)[],
  choose: Choose,
): Promise<void> => {
  const left = [...steps]
  for (;;) {
    await settled(1)
    const moves: (Gate | (() => void))[] = gated.flatMap(({ waiting }) => waiting)
    if (left[0]) moves.push(left[0])
    if (moves.length === 0) return
    const move = moves[moves.length === 1 ? 0 : choose(moves.length)]
    if (typeof move === 'function') {
      left.shift()
      move()
    } else move?.pass()
  }
}
