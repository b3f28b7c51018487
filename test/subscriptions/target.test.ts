import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAllowed } from '../../server/subscriptions/address.ts'
import { checkAddresses, checkUrl } from '../../server/subscriptions/target.ts'
import { check } from '../protocol/property.ts'

const longest = 100
const isAccepted = (text: string, ...allow: string[]): boolean =>
  !('rejected' in checkUrl(text, allow.map(parseAllowed), longest))

test('[U5] a plain https URL is accepted, also with a port, a path and a query', () => {
  expect(isAccepted('https://hooks.example.org:8443/a?b=c')).toBe(true)
})

describe('[row 54] a webhook URL is rejected', () => {
  test.each([
    ['[U5] http', 'http://hooks.example.org/'],
    ['[U5] another scheme', 'file:///etc/passwd'],
    ['[U5] a socket', 'ws://hooks.example.org/'],
    ['[U5] a user and a password', 'https://user:pw@hooks.example.org/'],
    ['[U5] a user', 'https://user@hooks.example.org/'],
    ['[U5] no URL', 'hooks.example.org'],
    ['[U5] one without a host', 'https://'],
    ['[U5] one that is too long', `https://hooks.example.org/${'x'.repeat(longest)}`],
    ['[U7] 10/8', 'https://10.0.0.1/'],
    ['[U7] the metadata service', 'https://169.254.169.254/latest'],
    ['[U7] loopback, IPv6', 'https://[::1]/'],
    ['[U7] mapped', 'https://[::ffff:10.0.0.1]/'],
    ['[U7] decimal', 'https://2130706433/'],
    ['[U7] hexadecimal', 'https://0x7f000001/'],
    ['[U7] octal', 'https://0177.0.0.1/'],
    ['[U7] short', 'https://127.1/'],
    ['[U7] full-width digits', 'https://１２７.０.０.１/'],
    ['[U7] escaped', 'https://%31%32%37.0.0.1/'],
    ['[U7] with a dot at the end', 'https://127.0.0.1./'],
    ['[U6] plain http to this machine', 'http://127.0.0.1/'],
  ])('%s', (_, url) => {
    expect(isAccepted(url)).toBe(false)
  })
})

test('[U5] its length is accepted up to the limit', () => {
  const of = (length: number) => 'https://hooks.example.org/'.padEnd(length, 'x')
  expect([longest - 1, longest, longest + 1].map(length => isAccepted(of(length)))).toEqual([
    true,
    true,
    false,
  ])
})

test('[U7] every spelling of a private IPv4 address is rejected', () => {
  const address = fc.tuple(fc.constantFrom(0x0a, 0x7f, 0x00, 0xe0), fc.integer({ min: 0, max: 0xffffff }))
  check(
    fc.property(address, ([first, rest]) => {
      const value = first * 2 ** 24 + rest
      const octets = [24, 16, 8, 0].map(bits => Math.floor(value / 2 ** bits) % 256)
      const spellings = [
        `${value}`,
        `0x${value.toString(16)}`,
        `0${value.toString(8)}`,
        octets.join('.'),
        octets.map(octet => `0x${octet.toString(16)}`).join('.'),
        octets.map(octet => `0${octet.toString(8)}`).join('.'),
        `${octets[0]}.${rest}`,
        `[::ffff:${octets.join('.')}]`,
        `[64:ff9b::${octets.join('.')}]`,
      ]
      expect(spellings.filter(host => isAccepted(`https://${host}/`))).toEqual([])
    }),
    300,
  )
})

describe('What the operator named', () => {
  test.each([
    ['[U6] a host by plain http', 'http://localhost:8080/x', 'localhost', true],
    ['[U6] an address by plain http', 'http://127.0.0.1:8080/x', '127.0.0.0/8', true],
    ['[U6] not another host', 'http://127.0.0.1/', 'localhost', false],
    ['[U6] [U7] an address by https', 'https://10.1.2.3/', '10.0.0.0/8', true],
    ['[U5] not a way around credentials', 'https://user:pw@localhost/', 'localhost', false],
  ])('%s', (_, url, allow, expected) => {
    expect(isAccepted(url, allow)).toBe(expected)
  })
})

describe('A name', () => {
  const url = new URL('https://hooks.example.org/')
  const isReachable = (addresses: readonly string[], ...allow: string[]): boolean =>
    !('rejected' in checkAddresses(url, addresses, allow.map(parseAllowed)))

  test('[U8] may be reached when all its addresses may', () => {
    expect(isReachable(['93.184.216.34', '2606:2800:220:1::1'])).toBe(true)
  })

  test('[U8] may not when one of them may not, wherever it stands', () => {
    expect(isReachable(['93.184.216.34', '10.0.0.1'])).toBe(false)
    expect(isReachable(['::1', '93.184.216.34'])).toBe(false)
  })

  test('[U8] may not when it has none', () => {
    expect(isReachable([])).toBe(false)
  })

  test('[U8] may when the operator named it, or the range', () => {
    expect(isReachable(['10.0.0.1'], 'hooks.example.org')).toBe(true)
    expect(isReachable(['10.0.0.1'], '10.0.0.0/24')).toBe(true)
  })
})
