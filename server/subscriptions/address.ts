import ipaddr from 'ipaddr.js'

/**
 * Which addresses a webhook may reach (PROTOCOL 12.8).
 * - U1 Public unicast addresses and no others: nothing private, loopback, link-local (169.254.169.254), carrier-grade
 *   NAT, unspecified, multicast, broadcast, reserved or set aside for documentation and tests.
 * - U2 An IPv4 address written inside an IPv6 one (mapped, NAT64, 6to4) is judged as what it is.
 * - U3 What is no address is refused.
 */
export const isPublic = (text: string): boolean => {
  const address = parse(text)
  if (!address) return false
  if (address instanceof ipaddr.IPv4) return address.range() === 'unicast'
  const inner = innerIpv4(address)
  if (inner) return inner.range() === 'unicast'
  return address.range() === 'unicast' && inGlobalUnicast(address)
}

const parse = (text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined =>
  ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text) ? ipaddr.process(text) : undefined

const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')
const inGlobalUnicast = (address: ipaddr.IPv6): boolean => address.match(globalUnicast)

const nat64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')
const sixToFour = ipaddr.IPv6.parseCIDR('2002::/16')

/** `process` has unwrapped mapped ones. */
const innerIpv4 = (address: ipaddr.IPv6): ipaddr.IPv4 | undefined => {
  const bytes = address.toByteArray()
  if (address.match(nat64)) return new ipaddr.IPv4(bytes.slice(12, 16))
  if (address.match(sixToFour)) return new ipaddr.IPv4(bytes.slice(2, 6))
  return undefined
}

/** A host name, an address, or a range of them that an operator lets webhooks reach though it is not public. */
export type Allowed =
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'range'; readonly range: readonly [ipaddr.IPv4 | ipaddr.IPv6, number] }

/** @throws RangeError when `text` is neither */
export const parseAllowed = (text: string): Allowed => {
  if (ipaddr.isValidCIDR(text)) return { kind: 'range', range: ipaddr.parseCIDR(text) }
  const address = parse(text)
  if (address) return { kind: 'range', range: [address, address.kind() === 'ipv4' ? 32 : 128] }
  const host = text.toLowerCase()
  if (/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(host) && !/^[\d.]+$/.test(host)) return { kind: 'host', host }
  throw new RangeError(`${text} is no host name, address or range such as 10.0.0.0/8`)
}

/** U4 What the operator named is let through, a host name with every address it has. */
export const isAllowed = (allowed: readonly Allowed[], host: string, address?: string): boolean =>
  allowed.some(one => {
    if (one.kind === 'host') return one.host === host
    const parsed = parse(address ?? host)
    const [base, bits] = one.range
    return parsed !== undefined && parsed.kind() === base.kind() && matches(parsed, base, bits)
  })

const matches = (
  address: ipaddr.IPv4 | ipaddr.IPv6,
  base: ipaddr.IPv4 | ipaddr.IPv6,
  bits: number,
): boolean => {
  if (address instanceof ipaddr.IPv4 && base instanceof ipaddr.IPv4) return address.match(base, bits)
  if (address instanceof ipaddr.IPv6 && base instanceof ipaddr.IPv6) return address.match(base, bits)
  return false
}
