import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { parseTrace, type Trace, TraceError } from './trace.ts'

const mostBytes = 256 << 20 // unpacked; the largest trace published is a fifth of it

/**
 * Reads a gzipped trace.
 * @throws TraceError
 */
export const readTrace = async (path: string): Promise<Trace> => {
  const text = await unpack(path)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new TraceError('NOT_A_TRACE', `not an editing trace: ${path} does not hold one JSON value`, {
      cause,
    })
  }
  return parseTrace(value)
}

const unpack = async (path: string): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  try {
    await pipeline(createReadStream(path), createGunzip(), async chunks => {
      for await (const chunk of chunks as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > mostBytes) {
          throw new TraceError('UNPLAYABLE', `${path} unpacks to more than ${mostBytes >> 20} MiB`)
        }
        text += decoder.decode(chunk, { stream: true })
      }
    })
  } catch (cause) {
    if (cause instanceof TraceError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    const what = isZlib(cause) ? 'is not a whole gzip file' : 'cannot be read'
    throw new TraceError('UNREADABLE', `${path} ${what}: ${why}`, { cause })
  }
  return text + decoder.decode()
}

const isZlib = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
