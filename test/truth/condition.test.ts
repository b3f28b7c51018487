import { describe, expect, test } from 'vitest'
import { ClientCode, StreamError, type StreamErrorCode } from '../../client/index.ts'
import { ErrorCode } from '../../protocol/index.ts'
import { type Condition, type Verb, verdictOn } from '../../provider/condition.ts'
import { endOfDocument, ProviderCode, refusalOf } from '../../provider/error.ts'

const verbs: readonly Verb[] = ['read', 'create', 'append']

/** The status with which this server sends a code; undefined for what has none. */
const statuses: Readonly<Record<StreamErrorCode, number | undefined>> = {
  [ErrorCode.invalidRequest]: 400,
  [ErrorCode.unauthorized]: 401,
  [ErrorCode.snapshotNotFound]: 404,
  [ErrorCode.documentNotFound]: 404,
  [ErrorCode.offsetExpired]: 410,
  [ErrorCode.rateLimited]: 429,
  [ErrorCode.streamNotFound]: 404,
  [ErrorCode.streamClosed]: 409,
  [ErrorCode.streamDeleted]: 410,
  [ErrorCode.forkTooDeep]: 409,
  [ErrorCode.configMismatch]: 409,
  [ErrorCode.contentTypeMismatch]: 409,
  [ErrorCode.sequenceRegression]: 409,
  [ErrorCode.producerFenced]: 403,
  [ErrorCode.producerGap]: 409,
  [ErrorCode.malformedUpdate]: 400,
  [ErrorCode.causalGap]: 409,
  [ErrorCode.bodyTooLarge]: 413,
  [ErrorCode.headTooLarge]: 431,
  [ErrorCode.requestTimeout]: 408,
  [ErrorCode.unsupportedEncoding]: 415,
  [ErrorCode.methodNotAllowed]: 405,
  [ErrorCode.notFound]: 404,
  [ErrorCode.tooManyReaders]: 503,
  [ErrorCode.subscriptionNotFound]: 404,
  [ErrorCode.subscriptionExists]: 409,
  [ErrorCode.subscriptionLimit]: 409,
  [ErrorCode.webhookUrlRejected]: 400,
  [ErrorCode.tokenInvalid]: 401,
  [ErrorCode.tokenExpired]: 401,
  [ErrorCode.fenced]: 409,
  [ErrorCode.alreadyClaimed]: 409,
  [ErrorCode.noPendingWork]: 404,
  [ErrorCode.invalidOffset]: 400,
  [ErrorCode.shuttingDown]: 503,
  [ErrorCode.storageFull]: 507,
  [ErrorCode.internal]: 500,
  [ErrorCode.forbidden]: 403,
  [ErrorCode.readOnly]: 403,
  [ErrorCode.accessUnknown]: 503,
  [ClientCode.network]: undefined,
  [ClientCode.timeout]: undefined,
  [ClientCode.aborted]: undefined,
  [ClientCode.badAnswer]: 200,
  [ClientCode.wentBack]: undefined,
  [ClientCode.headersFailed]: undefined,
  [ClientCode.conflict]: 409,
  [ClientCode.producerReused]: undefined,
}
const codes = Object.keys(statuses) as StreamErrorCode[]

const errorOf = (code: StreamErrorCode, details = {}): StreamError =>
  new StreamError(code, 'said the server', { url: 'http://h/', status: statuses[code], details })

const conditionsOf = (verb: Verb) => {
  const found = new Map<Condition, StreamErrorCode[]>()
  for (const code of codes) {
    const { condition } = verdictOn(errorOf(code), verb)
    if (condition) found.set(condition, [...(found.get(condition) ?? []), code])
  }
  return found
}

describe('What a refusal means', () => {
  test('is decided for every code and verb: passing ones pass, all others are a condition', () => {
    for (const code of codes) {
      for (const verb of verbs) {
        const { condition, fatal } = verdictOn(errorOf(code), verb)
        if (errorOf(code).transient) expect([code, condition, fatal]).toEqual([code, undefined, false])
        if (fatal) expect([code, condition]).not.toEqual([code, undefined])
      }
    }
  })

  test('of a reading or a creation stops the provider', () => {
    for (const verb of ['read', 'create'] as const) {
      const found = conditionsOf(verb)
      expect([...found.keys()].sort()).toEqual(['deleted', 'forbidden', 'rejected', 'unauthorized'])
      for (const code of [...found.values()].flat()) expect(verdictOn(errorOf(code), verb).fatal).toBe(true)
      expect(found.get('forbidden')).toEqual([ErrorCode.forbidden, ErrorCode.readOnly])
    }
  })

  test('of an append lets the reading go on, unless the document or the caller is gone', () => {
    const found = conditionsOf('append')
    expect(found.get('readonly')).toEqual([ErrorCode.forbidden, ErrorCode.readOnly])
    expect(found.get('too-large')).toEqual([ErrorCode.bodyTooLarge])
    for (const [condition, of] of found) {
      const fatal = condition === 'unauthorized' || condition === 'deleted'
      for (const code of of) expect([code, verdictOn(errorOf(code), 'append').fatal]).toEqual([code, fatal])
    }
  })

  test('of an offset depends on why: trimmed it is read on elsewhere, of an earlier life it is the end', () => {
    expect(verdictOn(errorOf(ErrorCode.offsetExpired), 'read').condition).toBeUndefined()
    for (const verb of verbs) {
      const reset = errorOf(ErrorCode.offsetExpired, { error: { reason: 'recreated' } })
      expect(verdictOn(reset, verb)).toEqual({ condition: 'reset', fatal: true })
    }
  })
})

describe('The error that tells of it', () => {
  test('has the code, what the app can do, what the server said, and what it is about', () => {
    const cause = errorOf(ErrorCode.bodyTooLarge, { error: { limit: 7 } })
    const ranges = [{ client: 1, clock: 2, length: 3 }]
    const error = refusalOf(cause, 'append', { ranges, bytes: 99 })
    expect(error).toMatchObject({ code: ErrorCode.bodyTooLarge, condition: 'too-large', fatal: false })
    expect(error).toMatchObject({ ranges, bytes: 99, cause, details: { error: { limit: 7 } } })
    expect(error.message).toMatch(/undo it.*said the server/)
  })

  test('stops the provider where nobody can tell what to do', () => {
    const error = refusalOf(errorOf(ErrorCode.producerGap), 'read')
    expect([error.fatal, error.condition]).toEqual([true, undefined])
  })

  test('of a document that was read before says that it is gone, or another', () => {
    for (const code of [ErrorCode.documentNotFound, ErrorCode.streamDeleted, ErrorCode.streamNotFound]) {
      expect(endOfDocument(errorOf(code))).toMatchObject({
        code: ProviderCode.documentDeleted,
        condition: 'deleted',
        fatal: true,
      })
    }
    const reset = errorOf(ErrorCode.offsetExpired, { error: { reason: 'recreated' } })
    expect(endOfDocument(reset)).toMatchObject({ code: ProviderCode.documentReset, condition: 'reset' })
    expect(endOfDocument(errorOf(ErrorCode.offsetExpired))).toBeUndefined()
    expect(endOfDocument(errorOf(ErrorCode.forbidden))).toBeUndefined()
  })
})
