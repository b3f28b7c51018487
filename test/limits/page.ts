import { flagOf, type Limit, limitGroups } from '../../server/limits.ts'

const mebi = 1 << 20
const kibi = 1 << 10

/** `8 MiB`, `10 s`, `1,000`; what cannot be larger is said to be unbounded. */
const amount = ({ unit, value }: Limit): string => {
  if (value === Number.MAX_SAFE_INTEGER) return '2^53 - 1'
  if (unit === 'bytes' && value % mebi === 0) return `${value / mebi} MiB`
  if (unit === 'bytes' && value % kibi === 0) return `${value / kibi} KiB`
  if (unit === 'ms' && value % 60_000 === 0) return `${value / 60_000} min`
  if (unit === 'ms' && value % 1_000 === 0) return `${value / 1_000} s`
  const number = value.toLocaleString('en-US')
  return unit === 'number' ? number : `${number} ${unit}`
}

const line = ([name, limit]: readonly [string, Limit]): string =>
  `| \`--${flagOf(name)}\` | ${limit.of} | ${amount(limit)} | ${limit.beyond} | ${limit.why} |`

const section = ([title, limits]: readonly [string, Readonly<Record<string, Limit>>]): string =>
  [
    `## ${title}`,
    '',
    '| flag | what is bounded | default | beyond it | why |',
    '| --- | --- | --- | --- | --- |',
    ...Object.entries(limits).map(line),
  ].join('\n')

/** `docs/limits.md`. */
export const page = (): string => `# Limits

Everything that can grow has a bound, and every bound of the server is a line of one table, \`server/limits.ts\`. This page is
made from it, and a test keeps it so. Each line is

- a flag of \`durable-streams-yjs serve\`, in bytes, milliseconds (at most 24 hours), MiB or a plain number,
- an environment variable: \`--body-bytes\` is \`DSY_BODY_BYTES\`,
- a field of \`startServer({ limits: { bodyBytes } })\`.

A value that cannot be is refused at the start. Up to a limit, the limit included, everything is as usual. What only paces the
work inside, such as how many appends share a flush, is no limit and is not here: it changes no answer.

${Object.entries(limitGroups).map(section).join('\n\n')}
`
