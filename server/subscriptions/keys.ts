import { randomBytes } from 'node:crypto'
import { ContentType } from '../../protocol/index.ts'
import type { Streams } from '../streams/streams.ts'
import type { World } from '../world.ts'
import { keysStream } from './names.ts'
import { newSigningKey, type PublicKey, type SigningKey } from './signature.ts'

/** What this server signs with. */
export interface Keyring {
  readonly signing: SigningKey
  /** Every key that receivers should still accept, the present one first. */
  readonly published: readonly PublicKey[]
  /** Signs the tokens of workers. */
  readonly tokenSecret: Uint8Array
}

interface Stored {
  readonly keys: readonly SigningKey[]
  readonly tokenSecret: string
}

/** Receivers that keep the key set, and requests on their way, outlive a rotation. */
const overlapMs = 24 * 3_600_000

const note = 'keys'
const encoder = new TextEncoder()
const decoder = new TextDecoder()
const encode = (stored: Stored): Uint8Array => encoder.encode(JSON.stringify(stored))
const decode = (bytes: Uint8Array): Stored => JSON.parse(decoder.decode(bytes)) as Stored

/**
 * Made at the first need and kept in the store, so that every process and every restart signs with the same.
 * - H3 Of two processes that make the first ones, one prevails.
 * - H4 A key older than its time is replaced, and stays published for a day.
 */
export class Keys {
  readonly #streams: Streams
  readonly #world: World
  readonly #lifeMs: number

  /** @param lifeMs how long one key signs */
  constructor(streams: Streams, world: World, lifeMs: number) {
    this.#streams = streams
    this.#world = world
    this.#lifeMs = lifeMs
  }

  async ring(): Promise<Keyring> {
    const stored = (await this.#load()) ?? (await this.#make())
    const [signing] = stored.keys
    if (!signing) throw new Error('the store holds an empty list of signing keys')
    if (this.#world.now() - signing.madeAt >= this.#lifeMs) {
      await this.#rotate(signing.public.kid)
      return this.ring()
    }
    return {
      signing,
      published: stored.keys.map(key => key.public),
      tokenSecret: Buffer.from(stored.tokenSecret, 'base64'),
    }
  }

  async #load(): Promise<Stored | undefined> {
    const found = await this.#streams.note(keysStream, note)
    return found?.bytes && decode(found.bytes)
  }

  async #make(): Promise<Stored> {
    const stored: Stored = {
      keys: [newSigningKey(this.#world.now())],
      tokenSecret: randomBytes(32).toString('base64'),
    }
    await this.#streams.create(
      keysStream,
      { config: { contentType: ContentType.binary }, body: new Uint8Array(), closed: false },
      new Map([[note, encode(stored)]]),
    )
    const kept = await this.#load()
    if (!kept) throw new Error('the signing keys are gone from the store')
    return kept
  }

  async #rotate(old: string): Promise<void> {
    const found = await this.#streams.note(keysStream, note)
    if (!found) return
    const now = this.#world.now()
    const fresh = newSigningKey(now)
    await this.#streams.annotate(keysStream, found.state.generation, note, bytes => {
      if (!bytes) return undefined
      const { keys, tokenSecret } = decode(bytes)
      if (keys[0]?.public.kid !== old) return undefined
      const kept = keys.filter((_, index) => now - (keys[index - 1]?.madeAt ?? now) < overlapMs)
      return encode({ keys: [fresh, ...kept], tokenSecret })
    })
  }
}
