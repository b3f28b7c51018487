import { copy } from './clipboard.ts'
import { part } from './page.ts'

const thanksMs = 2_000

/** The button that copies the page's address. */
export const createShareButton = (): void => {
  const share = part('share', HTMLButtonElement)
  const words = part('share-words', HTMLElement)
  const announcer = part('announcer', HTMLElement)
  const usual = words.textContent
  let back: ReturnType<typeof setTimeout> | undefined

  const press = async () => {
    const done = await copy(location.href)
    share.dataset['done'] = String(done)
    words.textContent = done ? 'Link copied' : 'Copy it from the address bar'
    announcer.textContent = words.textContent
    clearTimeout(back)
    back = setTimeout(() => {
      delete share.dataset['done']
      words.textContent = usual
    }, thanksMs)
  }
  share.title = 'Copy the link to this document'
  share.addEventListener('click', () => void press())
}
