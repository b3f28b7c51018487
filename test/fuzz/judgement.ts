import { ErrorCode } from '../../protocol/index.ts'
import { Finding } from './finding.ts'
import { type Answer, type Head, header } from './wire.ts'

/** The answers there may be: what PROTOCOL, YJS and BAD-INPUTS know, and what HTTP itself refuses. */
const fine = new Set([200, 201, 204, 304, 307])
const refusals = new Set([400, 401, 403, 404, 405, 408, 409, 410, 413, 414, 415, 417, 426, 429, 431])
const busy: Readonly<Record<number, readonly string[]>> = {
  503: [ErrorCode.tooManyReaders, ErrorCode.shuttingDown],
  507: [ErrorCode.storageFull],
}
const codes = new Set<string>(Object.values(ErrorCode))

const quoted = ({ status, body }: Answer): string =>
  `${status} ${JSON.stringify(body.toString('latin1').slice(0, 300))}`

/** The code of a refusal, or undefined when it has none. */
export const codeOf = ({ body }: Answer): string | undefined => {
  try {
    const { error } = JSON.parse(body.toString('utf8')) as { error?: { code?: unknown; message?: unknown } }
    return typeof error?.code === 'string' && typeof error.message === 'string' ? error.code : undefined
  } catch {
    return undefined
  }
}

/** @throws Finding Z4 */
export const checkHead = (head: Head): void => {
  if (header(head, 'X-Content-Type-Options') !== 'nosniff') {
    throw new Finding('Z4', `an answer ${head.status} without X-Content-Type-Options: nosniff`)
  }
}

/**
 * What holds for every answer, whatever was asked.
 * @throws Finding Z3, Z4, Z5
 */
export const checkAnswer = (method: string, answer: Answer): void => {
  const { status } = answer
  const code = codeOf(answer)
  const isBusy = code !== undefined && busy[status]?.includes(code) === true
  if (!fine.has(status) && !refusals.has(status) && !isBusy)
    throw new Finding('Z3', `answered ${quoted(answer)}`)
  checkHead(answer)
  if (fine.has(status) || method === 'HEAD') return
  if (code === undefined || !codes.has(code))
    throw new Finding('Z5', `a refusal without a known code: ${quoted(answer)}`)
  const type = header(answer, 'Content-Type')
  if (!/^application\/json\b/i.test(type ?? ''))
    throw new Finding('Z5', `a refusal ${status} of type ${type}`)
}
