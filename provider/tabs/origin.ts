/** The part of Web Locks (`navigator.locks`) that is used here. */
export interface Locks {
  request<Result>(
    name: string,
    options: {
      readonly signal?: AbortSignal
      readonly steal?: boolean
      readonly ifAvailable?: boolean
      readonly mode?: 'shared'
    },
    held: (lock: unknown) => Promise<Result>,
  ): Promise<Result>
}

/** The part of a BroadcastChannel that is used here. Messages are cloned, come in order, and never back to their sender. */
export interface Channel {
  postMessage(message: unknown): void
  onmessage: ((event: { readonly data: unknown }) => void) | null
  close(): void
}
