import { DurableStream, type Env, StreamError } from 'durable-streams-yjs/client'
import { decodeFrames, ErrorCode, namesSnapshot, Path, Query, Sentinel } from '../protocol/index.ts'

/** What the server keeps of a document, as a reader finds it. */
export interface Stored {
  /** Undefined when its beginning was trimmed. */
  readonly log: { readonly bytes: number; readonly updates: number } | undefined
  /** Undefined when there is none. `tailBytes`: what the log holds past it. */
  readonly snapshot: { readonly bytes: number; readonly tailBytes: number } | undefined
}

/** @throws StreamError */
export const readStored = async (service: string, name: string, env: Env): Promise<Stored> => {
  const stream = new DurableStream({ url: `${service.replace(/\/+$/, '')}/${Path.documents}/${name}`, env })
  const { bytes, next, url } = await stream.read({ offset: Sentinel.snapshot })
  const found = namesSnapshot(new URL(url).searchParams.get(Query.offset) ?? '')
  const snapshot = found ? { bytes: bytes.length, tailBytes: (await readLog(stream, next)).bytes } : undefined
  return { log: await readWholeLog(stream), snapshot }
}

const readWholeLog = async (stream: DurableStream): Promise<Stored['log']> => {
  try {
    return await readLog(stream, Sentinel.start)
  } catch (error) {
    if (error instanceof StreamError && error.code === ErrorCode.offsetExpired) return undefined
    throw error
  }
}

const readLog = async (stream: DurableStream, offset: string) => {
  let bytes = 0
  let updates = 0
  for await (const answer of stream.catchUp({ offset })) {
    bytes += answer.bytes.length
    updates += decodeFrames(answer.bytes).length
  }
  return { bytes, updates }
}
