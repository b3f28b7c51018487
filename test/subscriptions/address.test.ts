import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isAllowed, isPublic, parseAllowed } from '../../server/subscriptions/address.ts'
import { check } from '../protocol/property.ts'

describe('Addresses that no webhook may reach', () => {
  test.each([
    ['unspecified', '0.0.0.0'],
    ['of this network', '0.1.2.3'],
    ['private, 10/8', '10.0.0.1'],
    ['private, 172.16/12', '172.31.255.255'],
    ['private, 192.168/16', '192.168.0.1'],
    ['carrier-grade NAT', '100.64.0.1'],
    ['loopback', '127.255.255.254'],
    ['link-local, the metadata service', '169.254.169.254'],
    ['for protocols', '192.0.0.8'],
    ['for documentation', '203.0.113.9'],
    ['for benchmarks', '198.18.0.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified, IPv6', '::'],
    ['loopback, IPv6', '::1'],
    ['link-local, IPv6', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%eth0'],
    ['unique local', 'fd12:3456::1'],
    ['site-local', 'fec0::1'],
    ['multicast, IPv6', 'ff02::1'],
    ['for documentation, IPv6', '2001:db8::1'],
    ['discard', '100::1'],
    ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
    ['local NAT64', '64:ff9b:1::a00:1'],
    ['outside global unicast', '4000::1'],
  ])('[U1] %s', (_, address) => {
    expect(isPublic(address)).toBe(false)
  })

  test.each([
    ['mapped', '::ffff:10.0.0.1'],
    ['mapped, in hexadecimal', '::ffff:a9fe:a9fe'],
    ['translated', '::ffff:0:10.0.0.1'],
    ['NAT64', '64:ff9b::7f00:1'],
    ['6to4', '2002:c0a8:1::1'],
    ['compatible, as it was', '::10.0.0.1'],
  ])('[U2] a private one inside another, %s', (_, address) => {
    expect(isPublic(address)).toBe(false)
  })

  test.each([
    'localhost',
    '',
    '10.0.0',
    '0x7f.1',
    '017700000001',
    '2130706433',
    '93.184.216.34 ',
    '93.184.216.34/24',
    '[::1]',
    '256.1.1.1',
  ])('[U3] %j is no address', text => {
    expect(isPublic(text)).toBe(false)
  })
})

test.each([
  ['[U1]', '93.184.216.34'],
  ['[U1]', '172.15.0.1'],
  ['[U1]', '100.128.0.1'],
  ['[U1]', '2606:2800:220:1:248:1893:25c8:1946'],
  ['[U2]', '::ffff:93.184.216.34'],
  ['[U2]', '64:ff9b::5db8:d822'],
  ['[U2]', '2002:5db8:d822::1'],
])('%s %s is public', (_, address) => {
  expect(isPublic(address)).toBe(true)
})

test('[U2] every form of an IPv4 address is judged as that address', () => {
  const octets = fc.tuple(
    fc.constantFrom(10, 100, 127, 169, 172, 192, 8, 93),
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: 0, max: 255 }),
    fc.integer({ min: 0, max: 255 }),
  )
  check(
    fc.property(octets, ([a, b, c, d]) => {
      const hex = (one: number, two: number) => (one * 256 + two).toString(16)
      const plain = `${a}.${b}.${c}.${d}`
      const forms = [
        `::ffff:${plain}`,
        `::ffff:${hex(a, b)}:${hex(c, d)}`,
        `0:0:0:0:0:FFFF:${hex(a, b)}:${hex(c, d)}`,
        `64:ff9b::${hex(a, b)}:${hex(c, d)}`,
        `2002:${hex(a, b)}:${hex(c, d)}::1`,
      ]
      expect(forms.map(isPublic)).toEqual(forms.map(() => isPublic(plain)))
    }),
    500,
  )
})

describe('What the operator names', () => {
  const allowed = ['localhost', 'hooks.internal', '10.1.0.0/16', '127.0.0.1', 'fd00::/8'].map(parseAllowed)

  test.each([
    ['a host, whatever its address', 'hooks.internal', '192.168.9.9', true],
    ['another host there', 'other.internal', '192.168.9.9', false],
    ['an address in a range', 'other.internal', '10.1.2.3', true],
    ['mapped, too', 'other.internal', '::ffff:10.1.2.3', true],
    ['one beside the range', 'other.internal', '10.2.2.3', false],
    ['an address', '127.0.0.1', undefined, true],
    ['its neighbour', '127.0.0.2', undefined, false],
    ['an IPv6 range', 'other.internal', 'fd12::1', true],
    ['an IPv6 address outside', 'other.internal', 'fe80::1', false],
    ['a name that begins like an allowed one', 'localhost.evil.example', '127.0.0.2', false],
  ])('[U4] %s', (_, host, address, expected) => {
    expect(isAllowed(allowed, host, address)).toBe(expected)
  })

  test.each(['', 'a b', 'http://localhost', '10.0.0.0/33', '1.2.3', '-x', 'a/b'])('%j is nothing', text => {
    expect(() => parseAllowed(text)).toThrow(RangeError)
  })
})
