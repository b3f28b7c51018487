import { Delivery, ErrorCode } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { SubscriptionConfig } from '../subscriptions/config.ts'
import { isGlob } from '../subscriptions/glob.ts'
import { streamOf } from '../subscriptions/names.ts'
import type { WorkerRequest } from '../subscriptions/subscriptions.ts'
import { isIndexStream } from '../yjs/names.ts'
import { Refusal } from './answer.ts'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { streamPath } from './subscription-target.ts'

/** Bodies of the subscription API. Each parser answers a value or throws a Refusal with 400. */

export type Fields = Readonly<Record<string, unknown>>

export const invalid = (message: string): Refusal =>
  new Refusal({ status: 400, code: ErrorCode.invalidRequest, message })

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The body as a JSON object; an empty one has no fields. */
export const readFields = async (c: Exchange, bytes: number): Promise<Fields> => {
  const body = await readBody(c, bytes)
  if (body.length === 0) return {}
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw invalid('The body is not JSON in UTF-8.')
  }
  if (!isFields(value)) throw invalid('The body must be a JSON object.')
  return value
}

const isAbsent = (value: unknown): value is undefined | null => value === undefined || value === null

const lease = { least: 1_000, most: 600_000, usual: 30_000 }

export interface Subscribing {
  readonly config: SubscriptionConfig
  readonly streams: readonly string[]
}

/** PROTOCOL 6.2. Fields of the other kind of delivery are not looked at. */
export const parseSubscribing = (
  fields: Fields,
  service: string,
  { nameBytes, descriptionLength }: Limits,
): Subscribing => {
  const { type, pattern, streams, webhook, wake_stream, lease_ttl_ms, description } = fields
  if (type !== Delivery.webhook && type !== Delivery.pullWake) {
    throw invalid(`type must be "${Delivery.webhook}" or "${Delivery.pullWake}".`)
  }
  const paths = isAbsent(streams) ? [] : parseStreams(streams, service, nameBytes)
  if (isAbsent(pattern) && paths.length === 0) {
    throw invalid('A subscription needs pattern, streams or both: otherwise nothing would ever wake it.')
  }
  if (!isAbsent(description) && (typeof description !== 'string' || description.length > descriptionLength)) {
    throw invalid(`description must be a string of at most ${descriptionLength} characters.`)
  }
  const config: SubscriptionConfig = {
    type,
    ...(!isAbsent(pattern) && { pattern: parsePattern(pattern, service, nameBytes) }),
    ...(type === Delivery.webhook
      ? { webhookUrl: parseWebhookUrl(webhook) }
      : { wakeStream: parsePath(wake_stream, 'wake_stream', service, nameBytes) }),
    leaseMs: parseLease(lease_ttl_ms),
    ...(!isAbsent(description) && { description }),
  }
  if (config.wakeStream !== undefined && paths.includes(config.wakeStream)) {
    throw invalid('wake_stream is among streams: its wake events would wake the subscription for ever.')
  }
  if (config.wakeStream !== undefined && isIndexStream(streamOf(service, config.wakeStream))) {
    throw invalid(
      'wake_stream is the index of a document, which the server alone writes. Name another stream.',
    )
  }
  return { config, streams: paths }
}

const parseLease = (value: unknown): number => {
  if (isAbsent(value)) return lease.usual
  if (typeof value === 'number' && Number.isInteger(value) && value >= lease.least && value <= lease.most) {
    return value
  }
  throw invalid(`lease_ttl_ms must be a whole number from ${lease.least} to ${lease.most}.`)
}

const parsePattern = (value: unknown, service: string, nameBytes: number): string => {
  const pattern = parsePath(value, 'pattern', service, nameBytes)
  if (isGlob(pattern)) return pattern
  throw invalid(
    'In a pattern * stands for one whole segment and ** for any number: neither is a part of one.',
  )
}

const parsePath = (value: unknown, field: string, service: string, nameBytes: number): string => {
  if (typeof value === 'string') return streamPath(value, service, nameBytes)
  throw invalid(`${field} must be a path relative to the service, as a string.`)
}

/** PROTOCOL 6.4. */
export const parseStreams = (value: unknown, service: string, nameBytes: number): readonly string[] => {
  if (!Array.isArray(value) || value.length === 0)
    throw invalid('streams must be an array of at least one path.')
  return value.map(path => parsePath(path, 'Each of streams', service, nameBytes))
}

const parseWebhookUrl = (webhook: unknown): string => {
  if (isFields(webhook) && typeof webhook['url'] === 'string' && webhook['url'] !== '') return webhook['url']
  throw invalid('A webhook subscription needs webhook.url, an absolute https URL.')
}

/** PROTOCOL 7.2: the name of a worker, which the others are told. */
export const parseWorker = ({ worker }: Fields, longest: number): string => {
  if (typeof worker === 'string' && worker !== '' && worker.length <= longest) return worker
  throw invalid(`worker must be a string of 1 to ${longest} characters.`)
}

/** PROTOCOL 7.1 and 7.2. */
export const parseWorkerRequest = (fields: Fields, service: string, nameBytes: number): WorkerRequest => {
  const { wake_id, generation, acks, done } = fields
  if (typeof wake_id !== 'string' || typeof generation !== 'number') {
    throw invalid('wake_id and generation must be those of the wake this belongs to.')
  }
  if (!isAbsent(acks) && !Array.isArray(acks)) throw invalid('acks must be an array.')
  if (!isAbsent(done) && typeof done !== 'boolean') throw invalid('done must be true or false.')
  return {
    wakeId: wake_id,
    generation,
    acks: (acks ?? []).map((ack: unknown) => parseAck(ack, service, nameBytes)),
    done: done === true,
  }
}

const parseAck = (ack: unknown, service: string, nameBytes: number) => {
  const { stream, path, offset } = isFields(ack) ? ack : {}
  if (typeof offset !== 'string') throw invalid('Each of acks must have a stream and an offset.')
  return { path: parsePath(stream ?? path, 'The stream of an ack', service, nameBytes), offset }
}
