import { ErrorCode } from '../../protocol/index.ts'
import type { Refused } from '../access/pass.ts'
import type { Problem } from './answer.ts'

/** Why a request was not let in. Depends on the caller, the path and the action alone, never on what is there. */
export const accessProblem = (refused: Refused): Problem => {
  switch (refused.kind) {
    case 'unknown':
      return {
        status: 401,
        code: ErrorCode.unauthorized,
        message: told(
          refused.hadCredentials
            ? 'These credentials are not accepted. Send others.'
            : 'This needs credentials. Send them in the Authorization header.',
          refused.reason,
        ),
        headers: { 'WWW-Authenticate': challenge(refused.hadCredentials, refused.reason) },
      }
    case 'forbidden':
      return refused.readOnly
        ? {
            status: 403,
            code: ErrorCode.readOnly,
            message: told('Here you may read and nothing else.', refused.reason),
          }
        : {
            status: 403,
            code: ErrorCode.forbidden,
            message: told('You may not do this here.', refused.reason),
          }
    case 'failed':
      return {
        status: 503,
        code: ErrorCode.accessUnknown,
        message: 'Whether you may do this could not be found out. Try again in a moment.',
        headers: { 'Retry-After': '1' },
      }
  }
}

const told = (message: string, reason: string | undefined): string =>
  reason === undefined ? message : `${message} (${reason})`

/** RFC 6750, 3: a request without credentials is told the scheme and nothing else. */
const challenge = (hadCredentials: boolean, reason: string | undefined): string => {
  if (!hadCredentials) return 'Bearer'
  const text = reason?.replaceAll(/[^ !#-[\]-~]/g, '?').slice(0, 200)
  return `Bearer error="invalid_token"${text === undefined ? '' : `, error_description="${text}"`}`
}

export const tooOften = (waitMs: number): Problem => ({
  status: 429,
  code: ErrorCode.rateLimited,
  message: 'You ask more often than this server allows one caller. Wait as long as Retry-After says.',
  headers: retryAfter(waitMs),
})

export const tooManyBytes = (waitMs: number): Problem => ({
  status: 429,
  code: ErrorCode.rateLimited,
  message:
    'You write more than this server allows one caller. Wait as long as Retry-After says. Nothing was stored.',
  headers: retryAfter(waitMs),
})

export const tooManyReaders: Problem = {
  status: 429,
  code: ErrorCode.rateLimited,
  message:
    'You have as many live readers open as this server allows one caller. Close one, or try again later.',
  headers: { 'Retry-After': '5' },
}

/** RFC 9110, 10.2.3: whole seconds. */
const retryAfter = (waitMs: number) => ({ 'Retry-After': `${Math.max(1, Math.ceil(waitMs / 1_000))}` })
