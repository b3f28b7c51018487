import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { scriptOf } from './built-script.ts'
import { Finding, type Rule } from './finding.ts'
import { patienceMs } from './wire.ts'
import type { Present, Question, Read, Reply, Same } from './yjs-thread.ts'

interface Waiting {
  readonly done: (reply: Reply) => void
  readonly failed: (error: Error) => void
}

/** Builds the thread and stands ready to start it. */
export const openReader = async (): Promise<YjsReader> => {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-reader-'))
  return new YjsReader(await scriptOf('yjs-thread', folder), folder)
}

/** Asks real Yjs, in a thread that is replaced when it does not come back. */
export class YjsReader {
  readonly #script: string
  readonly #folder: string
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #count = 0

  /** @param script the built `yjs-thread.ts`, in a folder of its own */
  constructor(script: string, folder: string) {
    this.#script = script
    this.#folder = folder
  }

  /** Loads a document and writes `letters` letters to it. @throws Finding Z7 when that is impossible */
  async read(updates: readonly Uint8Array[], letters = 1): Promise<Read> {
    return (await this.#ask('Z7', { kind: 'read', updates, letters })) as Read
  }

  /** @throws Finding Z9 when a document and what a joiner got of it differ */
  async compare(log: readonly Uint8Array[], joined: readonly Uint8Array[], isHonest: boolean): Promise<void> {
    const { difference } = (await this.#ask('Z9', { kind: 'same', log, joined, isHonest })) as Same
    if (difference !== undefined) throw new Finding('Z9', difference)
  }

  /** @throws Finding Z8 when y-protocols cannot read the updates */
  async present(updates: readonly Uint8Array[]): Promise<Present> {
    return (await this.#ask('Z8', { kind: 'present', updates })) as Present
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #ask(rule: Rule, question: Question): Promise<Read | Same | Present> {
    const id = this.#count++
    this.#worker ??= this.#start()
    const worker = this.#worker
    const reply = await new Promise<Reply>((done, failed) => {
      const timer = setTimeout(() => {
        failed(new Finding(rule, 'Yjs does not come back from these updates'))
        void worker.terminate()
      }, patienceMs)
      const settled = () => {
        clearTimeout(timer)
        this.#waiting.delete(id)
      }
      this.#waiting.set(id, {
        done: reply => {
          settled()
          done(reply)
        },
        failed: error => {
          settled()
          failed(error)
        },
      })
      worker.postMessage({ id, question })
    })
    if ('threw' in reply) throw new Finding(rule, `Yjs throws ${reply.threw}`)
    return reply.fine
  }

  #start(): Worker {
    const worker = new Worker(this.#script, { stdout: true, stderr: true })
    worker.unref()
    worker.on('message', ({ id, reply }: { id: number; reply: Reply }) => this.#waiting.get(id)?.done(reply))
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
      for (const { failed } of this.#waiting.values()) failed(new Error('the thread of Yjs ended'))
    })
    return worker
  }
}
