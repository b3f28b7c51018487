/** A signal that fires with another one, or when it is ended before; then the other knows nothing of it any more. */
export const childOf = (outer: AbortSignal): { readonly signal: AbortSignal; end(): void } => {
  const inner = new AbortController()
  const end = () => {
    outer.removeEventListener('abort', end)
    inner.abort(outer.reason)
  }
  outer.addEventListener('abort', end)
  if (outer.aborted) end()
  return { signal: inner.signal, end }
}
