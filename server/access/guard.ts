import type { Logger } from 'pino'
import type { Limits } from '../limits.ts'
import type { World } from '../world.ts'
import { type AccessQuestion, type Authorize, type Decision, verdicts } from './question.ts'

/** What comes of a question: let in, until when; or why not. */
export type Ruling =
  | { readonly kind: 'allowed'; readonly caller: string | undefined; readonly expiresAt: number }
  | { readonly kind: 'unknown'; readonly reason: string | undefined; readonly hadCredentials: boolean }
  | {
      readonly kind: 'forbidden'
      readonly readOnly: boolean
      readonly caller: string | undefined
      readonly reason: string | undefined
    }
  /** The hook gave no answer that counts. */
  | { readonly kind: 'failed' }

export interface GuardParts {
  readonly authorize: Authorize
  readonly limits: Pick<Limits, 'authorizeMs'>
  readonly world: World
  readonly logger: Logger
}

type Unsigned = Omit<AccessQuestion, 'signal'>

/** Asks the hook, and takes nothing but a clear yes for a yes. */
export class Guard {
  readonly #parts: GuardParts

  constructor(parts: GuardParts) {
    this.#parts = parts
  }

  async ask(question: Unsigned): Promise<Ruling> {
    const decision = await this.#decide(question)
    if (!decision) return { kind: 'failed' }
    const { verdict, caller, reason, expiresAt = Number.POSITIVE_INFINITY } = decision
    if (verdict === 'deny' && caller !== undefined) {
      return { kind: 'forbidden', readOnly: false, caller, reason }
    }
    const hadCredentials = question.request.headers.has('Authorization')
    if (verdict === 'deny') return { kind: 'unknown', reason, hadCredentials }
    if (expiresAt <= this.#parts.world.now()) {
      return { kind: 'unknown', reason: 'what allowed this has expired', hadCredentials }
    }
    if (verdict === 'read-only' && question.action !== 'read') {
      return { kind: 'forbidden', readOnly: true, caller, reason }
    }
    return { kind: 'allowed', caller, expiresAt }
  }

  /** Undefined when there is no answer, and then the log says why. */
  async #decide(question: Unsigned): Promise<Decision | undefined> {
    const { authorize, limits, world, logger } = this.#parts
    const late = new AbortController()
    let cancel: () => void = () => undefined
    const tooLate = new Promise<never>((_, reject) => {
      cancel = world.after(limits.authorizeMs, () => {
        late.abort()
        reject(new Error(`there was no answer within ${limits.authorizeMs} ms`))
      })
    })
    try {
      const asked = (async () => authorize({ ...question, signal: late.signal }))()
      return checked(await Promise.race([asked, tooLate]))
    } catch (error) {
      logger.error(
        { reason: withoutCredentials(error, question) },
        'authorize failed: the request was refused',
      )
      return undefined
    } finally {
      cancel()
    }
  }
}

/** @throws TypeError for what is no decision; whoever writes a hook may not use types */
const checked = (given: unknown): Decision => {
  const decision = typeof given === 'string' ? { verdict: given } : given
  if (typeof decision !== 'object' || decision === null) throw new TypeError('authorize answered nothing')
  const { verdict, caller, expiresAt, reason } = decision as Readonly<Record<string, unknown>>
  const known = verdicts.find(one => one === verdict)
  const isTime = expiresAt === undefined || (typeof expiresAt === 'number' && !Number.isNaN(expiresAt))
  if (!known || !isTime || !isText(caller) || !isText(reason)) {
    throw new TypeError('authorize answered what is no decision')
  }
  return { verdict: known, caller, expiresAt, reason } as Decision
}

const isText = (value: unknown): boolean => value === undefined || typeof value === 'string'

/** What went wrong, for the log. A hook may have quoted what it was shown. */
const withoutCredentials = (error: unknown, { request }: Unsigned): string => {
  const text = error instanceof Error ? (error.stack ?? error.message) : 'it threw what is no Error'
  const secrets = ['Authorization', 'Cookie']
    .flatMap(name => request.headers.get(name)?.split(/[\s;=]+/) ?? [])
    .filter(part => part.length > 8)
  return secrets.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), text)
}
