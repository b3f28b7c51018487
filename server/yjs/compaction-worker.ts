import { parentPort } from 'node:worker_threads'
import { compact, type Prefix } from './compact.ts'

/** What the thread answers: the snapshot, or what went wrong. */
export type WorkerAnswer = { readonly snapshot: Uint8Array } | { readonly error: string }

parentPort?.on('message', (prefix: Prefix) => {
  let answer: WorkerAnswer
  try {
    answer = { snapshot: compact(prefix) }
  } catch (error) {
    answer = { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
  }
  parentPort?.postMessage(answer)
})
