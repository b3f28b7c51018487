/** What a page's life means for a provider. */
export interface PageCues {
  /** The network or the person is back, or the page ran on after it had been frozen: waits are pointless. */
  wake(): void
  /** The page is going, perhaps for good. */
  leave(): void
  /** It came back from the browser's cache. */
  comeBack(): void
}

/** Listens to the page, if there is one. @returns how to stop */
export const listenToPage = (cues: PageCues): (() => void) => {
  const { window, document } = globalThis
  if (!window?.addEventListener) return () => undefined
  const online = () => cues.wake()
  const visible = () => {
    if (document.visibilityState === 'visible') cues.wake()
  }
  const hide = () => cues.leave()
  const show = (event: PageTransitionEvent) => {
    if (event.persisted) cues.comeBack()
  }
  window.addEventListener('online', online)
  window.addEventListener('pagehide', hide)
  window.addEventListener('pageshow', show)
  document.addEventListener('visibilitychange', visible)
  document.addEventListener('resume', online)
  return () => {
    window.removeEventListener('online', online)
    window.removeEventListener('pagehide', hide)
    window.removeEventListener('pageshow', show)
    document.removeEventListener('visibilitychange', visible)
    document.removeEventListener('resume', online)
  }
}
