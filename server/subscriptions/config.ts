import { createHash } from 'node:crypto'
import type { Delivery } from '../../protocol/index.ts'

/** What the creation of a subscription fixes for good (PROTOCOL 6.2). Paths are service-relative. */
export interface SubscriptionConfig {
  readonly type: Delivery
  readonly pattern?: string | undefined
  /** For webhooks. */
  readonly webhookUrl?: string | undefined
  /** For pull-wake. */
  readonly wakeStream?: string | undefined
  readonly leaseMs: number
  readonly description?: string | undefined
}

/** PROTOCOL 6.2: equal for configurations that mean the same, whatever the order of the streams. */
export const configHash = (config: SubscriptionConfig, streams: readonly string[]): string => {
  const { type, pattern, webhookUrl, wakeStream, leaseMs, description } = config
  const fields = [type, pattern, [...new Set(streams)].sort(), webhookUrl, wakeStream, leaseMs, description]
  return createHash('sha256')
    .update(JSON.stringify(fields.map(field => field ?? null)))
    .digest('base64url')
}
