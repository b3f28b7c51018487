import { button, part } from './page.ts'
import type { Keeper, State } from './status.ts'

/** How long the server may be away before the page says so aloud. */
const patienceMs = 2_000

export interface BannerActions {
  /** Tries at once instead of waiting. */
  retry(): void
  /** Puts the text on the clipboard. @returns whether it is there */
  copyText(): Promise<boolean>
}

export interface Situation {
  readonly state: State
  readonly saved: boolean
  readonly keptIn: Keeper
  /** Why it stopped, when it did. */
  readonly reason: string | undefined
}

const kept: Readonly<Record<Keeper, string>> = {
  browser: 'Changes are kept in this browser, also when you close the page,',
  window: 'Changes are kept in this window',
}

/** The band above the text: calm when the server is away for long, plain when nothing goes on without the person. */
export const createBanner = ({ retry, copyText }: BannerActions): ((now: Situation) => void) => {
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
      button('action', 'Try now', retry),
    )
  const stopped = ({ saved, reason = '' }: Situation) => {
    const rescue = button('action', 'Copy text', async () => {
      rescue.textContent = (await copyText()) ? 'Text copied' : 'Copy it by hand'
    })
    open(
      'stopped',
      'This document stopped here',
      saved
        ? `${reason} All changes had been saved; the text is still here.`
        : `${reason} Your last changes were not saved: copy the text before you reload.`,
      rescue,
      button('action action-strong', 'Reload', () => location.reload()),
    )
  }

  return now => {
    const { state, saved, keptIn, reason } = now
    const next = state === 'stopped' ? `stopped ${saved} ${reason}` : `${state} ${keptIn}`
    if (next === shown) return
    shown = next
    close()
    if (state === 'stopped') stopped(now)
    if (state === 'away') waiting = setTimeout(away, patienceMs, keptIn)
  }
}
