import { type DurableStreamsProvider, ProviderCode, type ProviderError } from 'durable-streams-yjs'
import { createBanner } from './banner.ts'
import { part } from './page.ts'
import { saveAsNew } from './rescue.ts'
import { describe, type Keeper, type State, type Words } from './status.ts'

/** "Saving…" stays at least this long, so that the words do not flicker with every letter. It is never shown too late. */
const settleMs = 600

const wordsAgeMs = 20_000

/** Shows what becomes of the edits: words under the title, a banner in trouble, the offline button, and a warning on leaving. */
export const watchConnection = (provider: DurableStreamsProvider, copyText: () => Promise<boolean>): void => {
  const offline = part('offline', HTMLButtonElement)
  const showWords = createStatus()
  const showBanner = createBanner({
    retry: () => reconnect(),
    copyText,
    continueAsNew: async () => leaveFor(await saveAsNew(provider.doc)),
    openOther: async () => {
      await provider.clearLocal()
      leaveFor(location.pathname)
    },
  })
  let offlineByChoice = false
  let leaving = false
  let error: Pick<ProviderError, 'message' | 'fatal' | 'condition'> | undefined
  let keptIn: Keeper = 'indexedDB' in window ? 'browser' : 'window'

  const show = () => {
    const { status, saved, unsaved } = provider
    const edits = { saved, unsaved: unsaved?.updates ?? 0, since: unsaved?.since, keptIn }
    const words = describe({
      ...edits,
      status,
      error,
      offlineByChoice,
      online: navigator.onLine,
      now: Date.now(),
    })
    showWords(words)
    showBanner({ state: words.state, saved, keptIn, error })
    offline.setAttribute('aria-pressed', String(offlineByChoice))
    offline.disabled = words.state === 'stopped'
    part('offline-words', HTMLElement).textContent = offlineByChoice ? 'Back online' : 'Go offline'
  }
  const leaveFor = (path: string) => {
    leaving = true
    location.assign(path)
  }
  const reconnect = () => {
    provider.disconnect()
    provider.connect()
  }

  provider.on('status', ({ status }) => {
    if (status === 'connected') error = undefined
    show()
  })
  provider.on('saved', saved => {
    if (saved && provider.status === 'connected') error = undefined
    show()
  })
  provider.on('sync', show)
  provider.on('error', failure => {
    // Nothing is wrong with the server then, but this promise of ours is not kept.
    if (failure.code === ProviderCode.localStoreFailed) keptIn = 'window'
    else if (!error?.fatal) {
      const { fatal, condition } = failure
      error = { message: sentenceOf(failure), fatal, condition }
    }
    show()
  })
  // How many edits wait changes with each of them.
  provider.doc.on('update', show)
  // Since when they wait is told when it is long enough ago.
  setInterval(show, wordsAgeMs)
  window.addEventListener('online', show)
  window.addEventListener('offline', show)
  window.addEventListener('beforeunload', event => {
    if (!provider.saved && keptIn === 'window' && !leaving) event.preventDefault()
  })
  offline.addEventListener('click', () => {
    offlineByChoice = !offlineByChoice
    error = undefined
    if (offlineByChoice) provider.disconnect()
    else provider.connect()
    show()
  })
  show()
}

const sentenceOf = ({ condition, message }: ProviderError): string => {
  if (condition === 'deleted') return 'It was deleted on the server.'
  if (condition === 'reset') return 'It was deleted on the server, and another one has its name now.'
  return `${message.charAt(0).toLocaleUpperCase()}${message.slice(1).replace(/\.?$/, '.')}`
}

const announced: ReadonlySet<State> = new Set(['saved', 'offline', 'away'])

const createStatus = (): ((words: Words) => void) => {
  const status = part('status', HTMLElement)
  const text = part('status-words', HTMLElement)
  const announcer = part('announcer', HTMLElement)
  let settling: ReturnType<typeof setTimeout> | undefined
  let savingSince = 0
  let said: State = 'saved'

  const write = ({ state, tone, text: words }: Words) => {
    status.dataset['state'] = state
    status.dataset['tone'] = tone
    text.textContent = words
    status.title = words
    // Those who hear the page want to know of trouble and its end, not of every save.
    if (announced.has(state) && state !== said) {
      announcer.textContent = words
      said = state
    }
  }
  return words => {
    clearTimeout(settling)
    const rest = savingSince + settleMs - Date.now()
    if (words.state === 'saving') savingSince = Date.now()
    if (words.state === 'saved' && rest > 0) settling = setTimeout(write, rest, words)
    else write(words)
  }
}
