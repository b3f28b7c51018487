import type { ProviderError } from 'durable-streams-yjs'
import { button, part } from './page.ts'
import type { Keeper, State } from './status.ts'

/** How long the server may be away before the page says so aloud. */
const patienceMs = 2_000

export interface BannerActions {
  /** Tries at once instead of waiting. */
  retry(): void
  /** Puts the text on the clipboard. @returns whether it is there */
  copyText(): Promise<boolean>
  /** Goes on with the text as a document of a new name. Waits while the server is away. Rejects when it refuses. */
  continueAsNew(): Promise<void>
  /** Lets go of the text, for the document that has the name now. Rejects when the browser does not let go of it. */
  openOther(): Promise<void>
}

export interface Situation {
  readonly state: State
  readonly saved: boolean
  readonly keptIn: Keeper
  /** Why it stopped, when it did. */
  readonly error: Pick<ProviderError, 'message' | 'condition'> | undefined
}

const kept: Readonly<Record<Keeper, string>> = {
  browser: 'Changes are kept in this browser, also when you close the page,',
  window: 'Changes are kept in this window',
}

const unsaved: Readonly<Record<Keeper, string>> = {
  browser: 'Your last changes were not saved on the server; they are kept in this browser.',
  window: 'Your last changes were not saved: copy the text before you reload.',
}

/** The band above the text: calm when the server is away for long, plain when nothing goes on without the person. */
export const createBanner = (does: BannerActions): ((now: Situation) => void) => {
  const banner = part('banner', HTMLElement)
  const title = part('banner-title', HTMLElement)
  const detail = part('banner-detail', HTMLElement)
  const actions = part('banner-actions', HTMLElement)
  let shown = ''
  let waiting: ReturnType<typeof setTimeout> | undefined

  const open = (kind: 'away' | 'stopped', head: string, body: string, ...buttons: HTMLButtonElement[]) => {
    banner.dataset['kind'] = kind
    banner.setAttribute('role', kind === 'stopped' ? 'alert' : 'status')
    banner.hidden = false
    title.textContent = head
    detail.textContent = body
    actions.replaceChildren(...buttons)
  }
  const close = () => {
    clearTimeout(waiting)
    banner.hidden = true
  }

  const away = (keptIn: Keeper) =>
    open(
      'away',
      'The server is not answering',
      `You can go on writing. ${kept[keptIn]} and sent as soon as the server is back.`,
      button('action', 'Try now', does.retry),
    )
  const copy = button('action', 'Copy text', async () => {
    copy.textContent = (await does.copyText()) ? 'Text copied' : 'Copy it by hand'
  })
  const renew = button('action action-strong', 'Continue as a new document', async () => {
    renew.disabled = true
    renew.textContent = 'Saving it, as soon as the server answers…'
    await does.continueAsNew().catch(() => {
      renew.textContent = 'The server refused it – try again'
      renew.disabled = false
    })
  })
  const reload = button('action action-strong', 'Reload', () => location.reload())
  const other = button('action', 'Open the one that has its name', async () => {
    await does.openOther().catch(() => {
      other.textContent = 'The browser keeps the old text – try again'
    })
  })
  const stopped = ({ saved, error, keptIn }: Situation) => {
    // Where the document is no more, another visit would stop here again.
    const isGone = error?.condition === 'deleted' || error?.condition === 'reset'
    open(
      'stopped',
      'This document stopped here',
      `${error?.message ?? ''} ${saved ? 'All changes had been saved; the text is still here.' : unsaved[keptIn]}`,
      copy,
      ...(error?.condition === 'reset' ? [other] : []),
      isGone ? renew : reload,
    )
  }

  return now => {
    const { state, saved, keptIn, error } = now
    const next = state === 'stopped' ? `stopped ${saved} ${keptIn} ${error?.message}` : `${state} ${keptIn}`
    if (next === shown) return
    shown = next
    close()
    if (state === 'stopped') stopped(now)
    if (state === 'away') waiting = setTimeout(away, patienceMs, keptIn)
  }
}
