/** An element that index.html promises. @throws Error when the page and its script do not belong together */
export const part = <E extends HTMLElement>(id: string, kind: new () => E): E => {
  const element = document.getElementById(id)
  if (element instanceof kind) return element
  throw new Error(`The page has no ${kind.name} with the id "${id}".`)
}

/** An element with a class and a text, which is never read as markup. */
export const made = <T extends keyof HTMLElementTagNameMap>(
  tag: T,
  className: string,
  text = '',
): HTMLElementTagNameMap[T] => {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  return element
}

/** A button that does not submit. */
export const button = (className: string, text: string, press: () => unknown): HTMLButtonElement => {
  const element = made('button', className, text)
  element.type = 'button'
  element.addEventListener('click', press)
  return element
}
