import { isIP } from 'node:net'
import { type Allowed, isAllowed, isPublic } from './address.ts'

/** Where a webhook goes. `addresses` were all checked; a connection is made to one of them and nowhere else. */
export interface Target {
  readonly url: URL
  readonly addresses: readonly string[]
}

export type Verdict<Value> = Value | { readonly rejected: string }

/**
 * PROTOCOL 6.2 and 12.8: what can be said of a webhook URL without asking anybody. Hosts that a URL parser takes for an
 * address (2130706433, 0x7f000001, 0177.1) are one here.
 * - U5 It is https, with nothing in it to log in with;
 * - U6 plain http is for hosts that the operator named.
 * - U7 A host that is an address is judged as one.
 */
export const checkUrl = (text: string, allowed: readonly Allowed[], longest: number): Verdict<URL> => {
  if (text.length > longest || !URL.canParse(text)) {
    return { rejected: `it is not an absolute URL of at most ${longest} characters` }
  }
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return { rejected: 'it holds credentials' }
  const host = hostOf(url)
  const named = isAllowed(allowed, host)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && named)) {
    return { rejected: 'it is not https' }
  }
  if (isIP(host) !== 0 && !named && !isPublic(host)) return { rejected: 'its address is not a public one' }
  return url
}

/** The host without the brackets of IPv6 and the dot at the end of a full name. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')

/**
 * U8 Every address a name resolves to must be one that webhooks may reach: which of them is used is not ours to know.
 * Asked at registration and again at every delivery, because names move.
 */
export const checkAddresses = (
  url: URL,
  addresses: readonly string[],
  allowed: readonly Allowed[],
): Verdict<Target> => {
  const host = hostOf(url)
  if (addresses.length === 0) return { rejected: 'its host has no address' }
  const refused = addresses.some(address => !isAllowed(allowed, host, address) && !isPublic(address))
  return refused ? { rejected: 'its host has an address that is not a public one' } : { url, addresses }
}
