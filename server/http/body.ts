import { ErrorCode } from '../../protocol/index.ts'
import { tooManyBytes } from './access-problem.ts'
import { Refusal } from './answer.ts'
import type { Exchange } from './exchange.ts'

const tooLarge = (limit: number): Refusal =>
  new Refusal({
    status: 413,
    code: ErrorCode.bodyTooLarge,
    message: `The body is larger than ${limit} bytes. Split it into several appends.`,
    headers: { Connection: 'close' },
    details: { limit },
  })

/**
 * The whole request body, counted while it arrives.
 * @throws Refusal 413 above `limit` bytes, 429 when the caller wrote too much lately, 415 when it is compressed (stored compressed bytes would read back as data)
 */
export const readBody = async (c: Exchange, limit: number): Promise<Uint8Array> => {
  const encoding = c.req.header('Content-Encoding')
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new Refusal({
      status: 415,
      code: ErrorCode.unsupportedEncoding,
      message: 'Request bodies must not be compressed. Send the bytes as they are.',
      headers: { 'Accept-Encoding': 'identity', Connection: 'close' },
    })
  }
  const announced = Number(c.req.header('Content-Length') ?? 0)
  if (announced > limit) throw tooLarge(limit)
  const pass = c.get('pass')
  const waitMs = pass.begin(announced)
  if (waitMs > 0) throw new Refusal(tooManyBytes(waitMs))
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of source(c)) {
    size += chunk.length
    if (announced === 0) pass.spend(chunk.length)
    if (size > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  const [first] = chunks
  return chunks.length === 1 && first ? first : Buffer.concat(chunks)
}

const source = (c: Exchange): AsyncIterable<Uint8Array> | Iterable<Uint8Array> =>
  // Leaving the loop early must not destroy the socket: the refusal still has to be written to it.
  c.env?.incoming?.iterator({ destroyOnReturn: false }) ?? c.req.raw.body ?? []
