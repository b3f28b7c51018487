import ipaddr from 'ipaddr.js'

/** The bits of an IPv6 address that are given to one customer, who has the rest to choose from. */
const networkBits = 64

/**
 * Where a request came from, as a key: an IPv4 address, or an IPv6 network of 64 bits.
 * @param peer who holds the other end of the connection
 * @param forwarded `X-Forwarded-For`, to which each proxy added whom it saw
 * @param hops how many of the addresses at its end were written by proxies that are trusted; 0 for none
 */
export const originOf = (peer: string | undefined, forwarded: string | undefined, hops: number): string => {
  const seen = hops > 0 && forwarded !== undefined ? forwarded.split(',').map(part => part.trim()) : []
  // With fewer entries than proxies the request did not pass them all; whom the first of them saw is the best there is.
  const told = seen.at(-hops) ?? seen[0]
  return network(told) ?? network(peer) ?? 'unknown'
}

const network = (text: string | undefined): string | undefined => {
  if (text === undefined || !ipaddr.isValid(text)) return undefined
  const address = ipaddr.process(text)
  if (address.kind() === 'ipv4') return address.toString()
  const bytes = address.toByteArray().fill(0, networkBits / 8)
  return ipaddr.fromByteArray(bytes).toString()
}
