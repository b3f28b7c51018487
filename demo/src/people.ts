import { inkOn, palette } from './color.ts'
import { cleanName, type Identity, initialsOf } from './identity.ts'
import { made, part } from './page.ts'
import { placePanel } from './panel.ts'
import type { Person } from './roster.ts'

const facesShown = 4

export interface PeopleView {
  show(people: readonly Person[]): void
}

/** Who is here: small faces in the bar, names in a panel, and there the own name and colour to change. */
export const createPeople = (me: () => Identity, change: (to: Identity) => void): PeopleView => {
  const faces = part('people-button', HTMLButtonElement)
  const panel = part('people-panel', HTMLElement)
  const list = part('people', HTMLUListElement)
  const rename = part('rename', HTMLInputElement)
  const swatches = createSwatches(color => change({ ...me(), color, picked: true }))

  placePanel(panel, faces)
  panel.addEventListener('toggle', () => {
    rename.value = me().name
  })
  rename.addEventListener('input', () => {
    const name = cleanName(rename.value)
    if (name !== undefined) change({ ...me(), name })
  })
  rename.addEventListener('change', () => {
    rename.value = me().name
  })
  part('me', HTMLFormElement).addEventListener('submit', event => {
    event.preventDefault()
    panel.hidePopover()
  })

  let shown = ''
  return {
    show: people => {
      // Every move of a caret says who is here. A face replaced between press and release would swallow the click.
      const news = JSON.stringify(people)
      if (news === shown) return
      shown = news
      list.replaceChildren(...people.map(personItem))
      const hidden = people.length - facesShown
      faces.replaceChildren(
        ...people.slice(0, hidden === 1 ? facesShown + 1 : facesShown).map(person => face(person)),
        ...(hidden > 1 ? [made('span', 'face face-more', `+${hidden}`)] : []),
      )
      faces.setAttribute('aria-label', `Who is here: ${people.map(nameOf).join(', ')}`)
      swatches.show(me().color)
    },
  }
}

const nameOf = (person: Person): string => (person.self ? `${person.name} (you)` : person.name)

const face = (person: Person): HTMLElement => {
  const circle = made('span', 'face', initialsOf(person.name))
  circle.title = nameOf(person)
  circle.style.setProperty('--person', person.color)
  circle.style.setProperty('--person-ink', inkOn(person.color))
  return circle
}

const personItem = (person: Person): HTMLLIElement => {
  const item = made('li', 'person')
  item.dataset['testid'] = 'person'
  item.dataset['self'] = String(person.self)
  const circle = face(person)
  circle.setAttribute('aria-hidden', 'true')
  item.append(circle, made('span', 'person-name', person.name))
  if (person.self) item.append(made('span', 'person-you', 'you'))
  return item
}

const createSwatches = (pick: (color: string) => void) => {
  const options = palette.map(({ name, value }) => {
    const label = made('label', 'swatch')
    const input = made('input', 'swatch-input')
    input.type = 'radio'
    input.name = 'color'
    input.value = value
    input.setAttribute('aria-label', name)
    input.addEventListener('change', () => pick(value))
    label.title = name
    label.style.setProperty('--person', value)
    label.append(input)
    return { label, input }
  })
  part('colors', HTMLFieldSetElement).append(...options.map(({ label }) => label))
  return {
    show: (color: string) => {
      for (const { input } of options) input.checked = input.value === color
    },
  }
}
