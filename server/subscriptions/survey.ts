import { setImmediate as breathe } from 'node:timers/promises'
import type { StreamState } from '../rules/state.ts'
import type { Streams } from '../streams/streams.ts'
import type { Glob } from './glob.ts'
import type { Tails } from './links.ts'
import { streamOf } from './names.ts'

/** Streams looked at before other work of the process has a turn. */
const slice = 128
const page = 512

/** The streams of one service as they are now, by path; those that are not there are left out. */
export const survey = async (streams: Streams, service: string, paths: Iterable<string>): Promise<Tails> => {
  const tails = new Map<string, StreamState>()
  let count = 0
  for (const path of paths) {
    if (++count % slice === 0) await breathe()
    const state = await streams.load(streamOf(service, path))
    if (state) tails.set(path, state)
  }
  return tails
}

/** The paths of a service that a pattern covers, in byte order. Some may have expired. */
export async function* matching(streams: Streams, service: string, glob: Glob): AsyncGenerator<string> {
  const from = streamOf(service, '')
  const prefix = streamOf(service, glob.prefix)
  let after: string | undefined
  for (;;) {
    const names = await streams.list(prefix, after, page)
    for (const name of names) {
      const path = name.slice(from.length)
      if (glob.matches(path)) yield path
    }
    after = names.at(-1)
    if (names.length < page) return
    await breathe()
  }
}
