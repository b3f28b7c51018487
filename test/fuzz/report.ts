import type { Line } from './arena.ts'
import { rules } from './finding.ts'
import type { Found, Report } from './run.ts'

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0)
const longest = 4_000

/** One line that says what was done and what it cost. */
export const summary = (report: Report): string => {
  const { seed, executions, seconds, answered, byFamily, slowestMs, stallMs, calm, heapBytes, ownBytes } =
    report
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

/** `#connection > bytes` for what was sent, `<` for what was answered, `-` for a remark. */
export const lineText = ({ connection, way, text }: Line): string => {
  const cut = text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text
  return `  ${way === '-' ? '' : `#${connection} `}${way} ${cut}`
}

/** What broke, how to see it again, and the exact bytes. */
export const failureText = (seed: number, { finding, family, indices, again, lines }: Found): string => {
  const isAlone = again !== undefined
  return [
    `${finding.rule} broken: ${rules[finding.rule]}`,
    finding.message,
    isAlone
      ? `seen ${indices.length} times; execution ${again} (${family}), made smaller, with every byte that was sent:`
      : `not again by any of the ${indices.length} executions it may be the doing of, with nothing beside them`,
    ...lines.map(lineText),
    `again: npm run fuzz -- --seed ${seed}${isAlone ? ` --at ${again}` : ''}`,
  ].join('\n')
}
