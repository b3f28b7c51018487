import { inkOn, isColor } from './color.ts'
import { cleanName } from './identity.ts'
import type { Person } from './roster.ts'

/** The `user` of a caret, as its window announced it. */
export type CaretUser = Readonly<Record<string, unknown>>

const neutral = '#777777'
const colorFrom = (user: CaretUser): string => (isColor(user['color']) ? user['color'] : neutral)

/** Somebody else's caret; their name is above it. */
export const drawCaret = (user: CaretUser): HTMLElement => {
  const caret = document.createElement('span')
  caret.className = 'caret'
  caret.dataset['testid'] = 'caret'
  caret.dataset['client'] = String(user['client'])
  paint(caret, cleanName(user['name']) ?? 'Somebody', colorFrom(user))
  // It has a place once the editor has put it there.
  requestAnimationFrame(() => lean(caret))
  return caret
}

/** The look of text somebody else selected. */
export const selectionLook = (user: CaretUser): Record<string, string> => ({
  class: 'selection',
  style: `--person: ${colorFrom(user)}`,
})

/**
 * Keeps drawn carets true, which the editor redraws on a move alone: their people's names and colours by now, and the
 * names of those who moved shown again. A name at rest fades, as it hides the line above.
 * @param people who is here, asked when it is needed
 * @returns to be called when some clients moved or changed
 */
export const tendCarets = (
  root: HTMLElement,
  people: () => readonly Person[],
): ((clients: readonly number[]) => void) => {
  const moved = new Set<number>()
  const tend = () => {
    const byClient = new Map(people().map(person => [String(person.client), person]))
    for (const caret of root.querySelectorAll<HTMLElement>('.caret')) {
      const person = byClient.get(caret.dataset['client'] ?? '')
      if (!person) continue
      paint(caret, person.name, person.color)
      if (!moved.has(person.client)) continue
      lean(caret)
      replay(caret)
    }
    moved.clear()
  }
  return clients => {
    // The editor draws in a task of its own, queued before this one.
    if (moved.size === 0 && clients.length > 0) setTimeout(tend)
    for (const client of clients) moved.add(client)
  }
}

/** Its name leans away from the edge it is nearer to, so that long names stay on the page. */
const lean = (caret: HTMLElement): void => {
  const line = caret.parentElement?.getBoundingClientRect()
  if (!line) return
  caret.dataset['leans'] = caret.getBoundingClientRect().left > line.left + line.width / 2 ? 'left' : 'right'
}

const replay = (caret: HTMLElement): void => {
  for (const animation of caret.getAnimations({ subtree: true })) {
    animation.cancel()
    animation.play()
  }
}

const paint = (caret: HTMLElement, name: string, color: string): void => {
  // The style sheet shows it, so that names are never part of the text.
  caret.dataset['name'] = name
  caret.style.setProperty('--person', color)
  caret.style.setProperty('--person-ink', inkOn(color))
}
