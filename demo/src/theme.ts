import { part } from './page.ts'
import { storage } from './storage.ts'

/** The key that public/theme.js reads before the first paint. */
const key = 'theme'

const dark = matchMedia('(prefers-color-scheme: dark)')
const shown = (): string => document.documentElement.dataset['theme'] ?? (dark.matches ? 'dark' : 'light')

/** The button between light and dark. The system's theme until it is pressed, then the one pressed for. */
export const createThemeButton = (): void => {
  const theme = part('theme', HTMLButtonElement)
  const show = () => {
    const words = shown() === 'dark' ? 'Light theme' : 'Dark theme'
    theme.setAttribute('aria-label', words)
    theme.title = words
    theme.dataset['shown'] = shown()
  }
  theme.addEventListener('click', () => {
    const next = shown() === 'dark' ? 'light' : 'dark'
    document.documentElement.dataset['theme'] = next
    storage.setItem(key, next)
    show()
  })
  dark.addEventListener('change', show)
  show()
}
