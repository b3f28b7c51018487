import { ContentType } from '../../protocol/index.ts'
import type { AppendCommand } from '../../server/rules/append.ts'
import type { CreateCommand } from '../../server/rules/create.ts'
import type { ForkCommand } from '../../server/rules/fork.ts'
import type { StreamState } from '../../server/rules/state.ts'
import { openMemoryStore } from '../../server/store/memory.ts'
import type { Store } from '../../server/store/store.ts'
import { Batch } from '../../server/streams/batch.ts'
import { Streams } from '../../server/streams/streams.ts'
import type { EndReason, LiveReader } from '../../server/streams/tail.ts'
import { FakeWorld } from './world.ts'

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

export const creation = (changes: Partial<CreateCommand> = {}): CreateCommand => ({
  config: { contentType: ContentType.binary },
  body: new Uint8Array(),
  closed: false,
  ...changes,
})

export const appendOf = (body: string, changes: Partial<AppendCommand> = {}): AppendCommand => ({
  body: utf8(body),
  contentType: ContentType.binary,
  close: false,
  ...changes,
})

export const forking = (source: string, changes: Partial<ForkCommand> = {}): ForkCommand => ({
  source,
  subOffset: 0,
  lifetime: {},
  body: new Uint8Array(),
  closed: false,
  deepest: 64,
  ...changes,
})

export const openStreams = (store: Store = openMemoryStore(), readBytes = 1 << 20) => {
  const world = new FakeWorld()
  return { store, world, streams: new Streams({ store, world, readBytes }) }
}

/** A stream as whoever reads it from the beginning gets it. */
export const whole = async (streams: Streams, name: string): Promise<string> => {
  const state = await streams.load(name)
  if (!state) return 'no stream'
  let all = ''
  for (let position = state.start; position < state.tail; ) {
    const batch = await streams.slice(name, state, position)
    if (!(batch instanceof Batch)) return batch
    all += text(batch.body())
    position = batch.to
  }
  return all
}

export const stateOf = async (streams: Streams, name: string): Promise<StreamState> => {
  const state = await streams.load(name)
  if (!state) throw new Error(`there is no ${name}`)
  return state
}

/** A reader that writes down what it is told. */
export class Notebook implements LiveReader {
  readonly batches: Batch[] = []
  readonly ends: EndReason[] = []
  behinds = 0

  get text(): string {
    return this.batches.map(batch => text(batch.body())).join('')
  }

  deliver(batch: Batch): void {
    this.batches.push(batch)
  }

  behind(): void {
    this.behinds++
  }

  end(reason: EndReason): void {
    this.ends.push(reason)
  }
}
