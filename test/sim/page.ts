/** The browser's page around one client, as far as a provider looks at it. */
export class Page {
  readonly #window = new EventTarget()
  readonly #document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  #hidden = false

  get hidden(): boolean {
    return this.#hidden
  }

  /** Runs `make` as code of this page: what it listens to is here. */
  inside<T>(make: () => T): T {
    const globals = globalThis as { window?: unknown; document?: unknown }
    globals.window = this.#window
    globals.document = this.#document
    try {
      return make()
    } finally {
      delete globals.window
      delete globals.document
    }
  }

  /** Into the browser's cache, perhaps for good. */
  hide(): void {
    this.#hidden = true
    this.#window.dispatchEvent(new Event('pagehide'))
  }

  /** Back from there. */
  show(): void {
    if (!this.#hidden) return
    this.#hidden = false
    this.#window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
  }

  /** It runs on after it had been frozen. */
  resume(): void {
    this.#document.dispatchEvent(new Event('resume'))
  }

  /** The network is back, says the system. */
  online(): void {
    this.#window.dispatchEvent(new Event('online'))
  }
}
