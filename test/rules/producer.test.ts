import fc from 'fast-check'
import { expect, test } from 'vitest'
import { admit, type Seen, type Verdict } from '../../server/rules/producer.ts'

const seen = (epoch: number, seq: number): Seen => ({ epoch, seq, at: 0 })

test.each<[string, Seen | undefined, number, number, Verdict]>([
  ['[P1] an older epoch is fenced', seen(2, 5), 1, 6, 'fenced'],
  ['[P1] an older epoch is fenced, also where its sequence would start anew', seen(2, 5), 0, 0, 'fenced'],
  ['[P2] a newer epoch is accepted from sequence 0', seen(2, 5), 3, 0, 'accept'],
  ['[P2] a newer epoch may skip some', seen(2, 5), 9, 0, 'accept'],
  ['[P2] a newer epoch that does not start at 0 is refused', seen(2, 5), 3, 1, 'badStart'],
  ['[P2] a newer epoch that would go on with the old numbers is refused', seen(2, 5), 3, 6, 'badStart'],
  ['[P2] a producer never seen may begin with a later epoch', undefined, 3, 0, 'accept'],
  ['[P2] a producer never seen does not begin in the middle of a later epoch', undefined, 3, 2, 'badStart'],
  ['[P3] the last batch again is a duplicate', seen(2, 5), 2, 5, 'duplicate'],
  ['[P3] an earlier batch again is a duplicate', seen(2, 5), 2, 0, 'duplicate'],
  ['[P4] the next batch is accepted', seen(2, 5), 2, 6, 'accept'],
  ['[P4] a producer never seen begins with epoch 0 and sequence 0', undefined, 0, 0, 'accept'],
  ['[P5] a batch too far ahead leaves a gap', seen(2, 5), 2, 7, 'gap'],
  ['[P5] a producer never seen leaves a gap when it begins with sequence 5', undefined, 0, 5, 'gap'],
  ['[P4] the largest numbers there are still count', seen(0, 2 ** 53 - 2), 0, 2 ** 53 - 1, 'accept'],
])('%s', (_name, last, epoch, seq, verdict) => {
  expect(admit(last, { epoch, seq })).toBe(verdict)
})

test('[P3] [P5] whatever arrives in whatever order, each batch of an epoch is accepted once and in turn', () => {
  const batches = fc.array(fc.record({ epoch: fc.nat(3), seq: fc.nat(4) }), { maxLength: 60 })
  fc.assert(
    fc.property(batches, arriving => {
      let last: Seen | undefined
      const accepted: { epoch: number; seq: number }[] = []
      for (const batch of arriving) {
        if (admit(last, batch) !== 'accept') continue
        accepted.push(batch)
        last = { ...batch, at: 0 }
      }
      for (const [index, { epoch, seq }] of accepted.entries()) {
        const before = accepted[index - 1]
        if (before?.epoch === epoch) expect(seq).toBe(before.seq + 1)
        else {
          expect(seq).toBe(0)
          expect(epoch).toBeGreaterThan(before?.epoch ?? -1)
        }
      }
    }),
  )
})
