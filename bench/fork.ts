import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { ContentType, Header, Path } from '../protocol/index.ts'
import { startServer } from '../server/index.ts'

/** `npm run bench:fork`: what a fork costs by the size of its source, in time and on the disk. */
const whole = (text: string): number => {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= 1) return value
  throw new InvalidArgumentError('It must be a whole number of at least 1.')
}
const wholes = (text: string): number[] => text.split(',').map(whole)

interface Flags {
  readonly sizes: readonly number[]
  readonly appendBytes: number
  readonly forks: number
}

const how = `
How it is measured
  A server of this source, with a durable store in a fresh directory that is removed
  afterwards, is spoken to over loopback, one request at a time. Each size is forked at
  the tail and in the middle, so many times each, in turns; an empty stream is created
  as often, to compare with. Time is from the request to the answer, which comes when
  the fork is durable. The disk is what the data file took meanwhile, by fork. At the
  end the last fork of each kind is read whole: the status is 1 when it has not as many
  bytes as its source up to the fork point.`

/** Something to create again and again. */
interface Kind {
  readonly what: string
  readonly name: string
  readonly headers: Record<string, string>
  /** What a fork of this kind must have. */
  readonly bytes: number
}

const run = async ({ sizes, appendBytes, forks }: Flags): Promise<boolean> => {
  const data = await mkdtemp(join(tmpdir(), 'fork-'))
  const server = await startServer({ port: 0, data })
  const streams = `${server.url}${Path.streams}`
  try {
    const kinds: Kind[] = [{ what: 'an empty stream', name: 'empty', headers: {}, bytes: 0 }]
    for (const size of sizes) {
      const name = `source-${size}`
      const { middle, bytes } = await fill(streams + name, size * 1_000_000, appendBytes)
      const tail = { [Header.forkedFrom]: `${Path.streams}${name}` }
      const half = { ...tail, [Header.forkOffset]: middle.offset }
      kinds.push(
        { what: `${size} MB, at the tail`, name: `tail-${size}`, headers: tail, bytes },
        { what: `${size} MB, in the middle`, name: `half-${size}`, headers: half, bytes: middle.bytes },
      )
    }
    const measured = await measure(streams, data, kinds, forks)
    process.stdout.write(table(kinds, measured))
    let sound = true
    for (const { name, bytes } of kinds) {
      const read = await readBytes(`${streams}${name}-${forks - 1}`)
      if (read === bytes) continue
      sound = false
      process.stderr.write(`a fork has ${read} bytes where its source had ${bytes}\n`)
    }
    return sound
  } finally {
    await server.close()
    await rm(data, { recursive: true })
  }
}

/** By kind, of every creation the milliseconds and what the data file grew by. */
type Measured = ReadonlyMap<Kind, readonly { readonly ms: number; readonly grown: number }[]>

/** Of each kind one after another, so that whatever else this machine does falls on all of them. */
const measure = async (
  streams: string,
  data: string,
  kinds: readonly Kind[],
  count: number,
): Promise<Measured> => {
  const measured = new Map(kinds.map(kind => [kind, [] as { ms: number; grown: number }[]]))
  for (let at = -warmUp; at < count; at++) {
    for (const kind of kinds) {
      const { name, headers } = kind
      const before = await diskBytes(data)
      const began = performance.now()
      const answer = await fetch(`${streams}${name}-${at}`, { method: 'PUT', headers })
      const ms = performance.now() - began
      if (answer.status !== 201) throw new Error(`${name} was answered with ${answer.status}`)
      if (at >= 0) measured.get(kind)?.push({ ms, grown: (await diskBytes(data)) - before })
    }
  }
  return measured
}

const warmUp = 20

const table = (kinds: readonly Kind[], measured: Measured): string => {
  const rows = [['', 'median', '95 %', 'disk']]
  for (const kind of kinds) {
    const all = measured.get(kind) ?? []
    const times = all.map(({ ms }) => ms).sort((a, b) => a - b)
    const share = (part: number) => `${(times[Math.floor(times.length * part)] ?? 0).toFixed(2)} ms`
    const grown = all.reduce((sum, one) => sum + one.grown, 0) / all.length
    rows.push([kind.what, share(0.5), share(0.95), `${Math.round(grown)} B`])
  }
  return rows
    .map(row => `${row.map((cell, at) => (at > 0 ? cell.padStart(11) : cell.padEnd(24))).join('')}\n`)
    .join('')
}

const diskBytes = async (data: string): Promise<number> => (await stat(join(data, 'data.mdb'))).blocks * 512

/** A stream of at least so many bytes, and the place half-way. */
const fill = async (url: string, wanted: number, appendBytes: number) => {
  const headers = { 'Content-Type': ContentType.binary }
  await fetch(url, { method: 'PUT', headers })
  const body = new Uint8Array(appendBytes).fill(0x2e)
  let middle = { offset: '', bytes: 0 }
  let bytes = 0
  while (bytes < wanted) {
    const answer = await fetch(url, { method: 'POST', headers, body })
    if (answer.status !== 204) throw new Error(`an append was answered with ${answer.status}`)
    bytes += appendBytes
    if (bytes <= wanted / 2 || middle.bytes === 0) {
      middle = { offset: answer.headers.get(Header.nextOffset) ?? '', bytes }
    }
  }
  return { middle, bytes }
}

const readBytes = async (url: string): Promise<number> => {
  let bytes = 0
  for (let target = url; ; ) {
    const answer = await fetch(target)
    bytes += (await answer.arrayBuffer()).byteLength
    if (answer.headers.has(Header.upToDate)) return bytes
    target = `${url}?${new URLSearchParams({ offset: answer.headers.get(Header.nextOffset) ?? '' })}`
  }
}

await new Command('npm run bench:fork --')
  .description('Measure the creation of forks, by the size of their source.')
  .addOption(
    new Option('--sizes <MB,…>', 'sources, in megabytes').default([1, 100], '1,100').argParser(wholes),
  )
  .addOption(new Option('--append-bytes <bytes>', 'size of an append').default(10_000).argParser(whole))
  .addOption(new Option('--forks <number>', 'forks of each kind').default(100).argParser(whole))
  .addHelpText('after', how)
  .action(async (flags: Flags) => {
    process.exitCode = (await run(flags)) ? 0 : 1
  })
  .parseAsync()
