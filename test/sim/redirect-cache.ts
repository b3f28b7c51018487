interface Kept {
  readonly location: string
  readonly until: number
}

const bypassing = new Set<RequestCache | undefined>(['no-store', 'reload', 'no-cache'])

/** What a browser remembers of redirects, for as long as the server allows. */
export class RedirectCache {
  readonly #kept = new Map<string, Kept>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  find(url: URL, mode: RequestCache | undefined): string | undefined {
    const kept = this.#kept.get(url.href)
    return kept && !bypassing.has(mode) && this.#now() < kept.until ? kept.location : undefined
  }

  keep(url: URL, mode: RequestCache | undefined, { headers }: Response): void {
    const location = headers.get('Location')
    const seconds = /max-age=(\d+)/.exec(headers.get('Cache-Control') ?? '')?.[1]
    if (mode === 'no-store' || location === null || seconds === undefined) return
    this.#kept.set(url.href, { location, until: this.#now() + Number(seconds) * 1_000 })
  }
}
