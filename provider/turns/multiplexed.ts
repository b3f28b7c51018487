/** HTTP/2 and later, as ALPN names them. */
const multiplexing = /^h[23]/

/**
 * Whether requests to `url` share a connection, as far as the browser tells a page (Resource Timing, `nextHopProtocol`);
 * not while it does not. Outside of browsers nobody counts connections.
 */
export const isMultiplexed = (url: URL): boolean => {
  if (typeof globalThis.location !== 'object') return true
  const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  return entries.some(
    entry =>
      entry instanceof PerformanceResourceTiming &&
      multiplexing.test(entry.nextHopProtocol) &&
      new URL(entry.name).origin === url.origin,
  )
}
