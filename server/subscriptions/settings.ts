import { type Allowed, parseAllowed } from './address.ts'

/** What an operator says to switch subscriptions on (PROTOCOL 6 and 7). */
export interface SubscriptionOptions {
  /** The address workers reach this server at, for the links they are given. Default: where it listens. */
  readonly publicUrl?: string
  /**
   * Hosts, addresses or ranges (`localhost`, `10.1.2.3`, `10.0.0.0/8`) that webhooks may reach though they are not
   * public. A host or address that is named may also be plain http. Default: none.
   */
  readonly webhookAllow?: readonly string[]
  /** Days one webhook signing key is used; then it is replaced, and stays published for another day. Default: 90. */
  readonly keyDays?: number
}

export interface SubscriptionSettings {
  readonly publicUrl: string | undefined
  readonly allowed: readonly Allowed[]
  readonly keyLifeMs: number
}

const dayMs = 24 * 3_600_000

/** @throws RangeError for an address, host, URL or number of days that is none */
export const settleSubscriptions = ({
  publicUrl,
  webhookAllow = [],
  keyDays = 90,
}: SubscriptionOptions): SubscriptionSettings => {
  if (publicUrl !== undefined && !isBase(publicUrl)) {
    throw new RangeError(
      `publicUrl is an http or https URL without a slash at its end, such as https://streams.example.org, not ${publicUrl}`,
    )
  }
  if (!(Number.isSafeInteger(keyDays) && keyDays >= 1)) {
    throw new RangeError(`keyDays is a whole number of at least 1, not ${keyDays}`)
  }
  return { publicUrl, allowed: webhookAllow.map(parseAllowed), keyLifeMs: keyDays * dayMs }
}

/** Whether `text` is a URL that links can begin with. */
export const isBase = (text: string): boolean => {
  if (!URL.canParse(text)) return false
  const { protocol, origin, pathname } = new URL(text)
  return (
    /^https?:$/.test(protocol) &&
    text === (pathname === '/' ? origin : origin + pathname) &&
    !text.endsWith('/')
  )
}
