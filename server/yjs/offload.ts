import { Worker } from 'node:worker_threads'
import type { World } from '../world.ts'
import type { Prefix } from './compact.ts'
import type { WorkerAnswer } from './compaction-worker.ts'

/** Where compaction runs. Rejects when it failed, took too long or needed too much memory. */
export interface Offload {
  run(prefix: Prefix): Promise<Uint8Array>
  close(): Promise<void>
}

export interface WorkerOffloadOptions {
  readonly world: World
  /** Heap of the thread, in MiB; a document that needs more fails alone. */
  readonly heapMb: number
  readonly deadlineMs: number
  /** The built worker file. */
  readonly script: URL
}

/** One thread, started when first needed, one document at a time. A thread that failed is replaced. */
export const workerOffload = ({ world, heapMb, deadlineMs, script }: WorkerOffloadOptions): Offload => {
  let worker: Worker | undefined
  let queue: Promise<unknown> = Promise.resolve()
  let closed = false

  const start = (): Worker => {
    const started = new Worker(script, { resourceLimits: { maxOldGenerationSizeMb: heapMb } })
    started.unref()
    // Also between two documents a thread may die; that must neither go unnoticed nor end this process.
    started.on('error', () => undefined)
    started.on('exit', () => {
      if (worker === started) worker = undefined
    })
    return started
  }

  const discard = async () => {
    const old = worker
    worker = undefined
    await old?.terminate()
  }

  const runNow = async (prefix: Prefix): Promise<Uint8Array> => {
    if (closed) throw new Error('compaction was closed')
    worker ??= start()
    try {
      const answer = await ask(worker, prefix, world, deadlineMs)
      if ('snapshot' in answer) return answer.snapshot
      throw new Error(answer.error)
    } catch (error) {
      await discard()
      throw error
    }
  }

  return {
    run(prefix) {
      const result = queue.then(() => runNow(prefix))
      queue = result.catch(() => undefined)
      return result
    },
    close() {
      closed = true
      return discard()
    },
  }
}

const ask = (worker: Worker, prefix: Prefix, world: World, deadlineMs: number): Promise<WorkerAnswer> =>
  new Promise((resolve, reject) => {
    const cancel = world.after(deadlineMs, () =>
      fail(new Error(`compaction took longer than ${deadlineMs} ms`)),
    )
    const settle = () => {
      cancel()
      worker.off('message', succeed)
      worker.off('error', fail)
      worker.off('exit', exited)
    }
    const succeed = (answer: WorkerAnswer) => {
      settle()
      resolve(answer)
    }
    const fail = (error: Error) => {
      settle()
      reject(error)
    }
    const exited = (code: number) => fail(new Error(`the compaction thread ended with code ${code}`))
    worker.on('message', succeed)
    worker.on('error', fail)
    worker.on('exit', exited)
    worker.postMessage(prefix)
  })
