import { rules } from './finding.ts'
import type { Found, Report } from './run.ts'

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
const longest = 4_000

/** One line that says what was done and what it cost. */
export const summary = (report: Report): string => {
  const { seed, executions, seconds, answered, byFamily, slowestMs, stallMs, calm, heapBytes, ownBytes } = report
  const answers = Object.entries(answered)
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([kind, count]) => `${kind} ${count}`)
  const shares = Object.entries(byFamily).map(([family, count]) => `${family} ${count}`)
  return [
    `fuzz: seed ${seed}, executions ${executions} in ${seconds.toFixed(1)} s (${shares.join(', ')})`,
    `answers ${answers.join(' / ')}, slowest ${slowestMs.toFixed(0)} ms`,
    `loop held up ${stallMs.toFixed(0)} ms at most`,
    `rss ${megabytes(ownBytes.warm)} → ${megabytes(ownBytes.end)} MB, heap ${megabytes(heapBytes.warm)} → ${megabytes(heapBytes.end)} MB`,
    `beside it ${calm.delivered} deliveries to another client, slowest ${calm.slowestMs.toFixed(0)} ms`,
    `${report.found.length} findings`,
  ].join('; ')
}

/** What broke, how to see it again, and the exact bytes. */
export const failureText = (seed: number, { finding, family, indices, again, lines }: Found): string => {
  const [first = 0] = indices
  const shown = lines.map(({ connection, way, text }) => {
    const cut = text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text
    return `  ${way === '-' ? '' : `#${connection} `}${way} ${cut}`
  })
  return [
    `${finding.rule} broken: ${rules[finding.rule]}`,
    finding.message,
    `${indices.length} times, first by execution ${first} (${family}); ${
      again ? 'shrunken, every byte as it was sent:' : 'not again with nothing beside it'
    }`,
    ...shown,
    `again: npm run fuzz -- --seed ${seed} --at ${first}`,
  ].join('\n')
}
