/** Lets the browser ask before a page with unsaved edits is closed. */
export interface Guard {
  /** Whether anything is unsaved now. */
  set(unsaved: boolean): void
  /** The browser asks no more. */
  end(): void
}

/** Listens only while something is unsaved: a page that always listens is kept out of the browser's back and forward cache. */
export const createGuard = (): Guard => {
  const { window } = globalThis
  if (!window?.addEventListener) return { set: () => undefined, end: () => undefined }
  let listening = false
  // One for each: what two documents ask for with one listener, the first that is saved would take back for both.
  const ask = (event: BeforeUnloadEvent): void => {
    event.preventDefault()
    event.returnValue = true // what older browsers look at
  }
  const set = (unsaved: boolean) => {
    if (unsaved === listening) return
    listening = unsaved
    if (unsaved) window.addEventListener('beforeunload', ask)
    else window.removeEventListener('beforeunload', ask)
  }
  return { set, end: () => set(false) }
}
