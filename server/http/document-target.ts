import { ErrorCode, Path } from '../../protocol/index.ts'
import type { DocumentName } from '../yjs/names.ts'
import { Refusal } from './answer.ts'
import { pathOf, segmentsOf } from './target.ts'

const segment = /^[A-Za-z0-9_-]{1,128}$/
const awarenessName = /^[A-Za-z0-9_-]{1,64}$/
const longestPath = 256

const invalid = (message: string): Refusal =>
  new Refusal({ status: 400, code: ErrorCode.invalidRequest, message })

/** `/v1/yjs/<service>/docs/<path…>` (YJS 4). @throws Refusal for every other target */
export const documentName = (target: string): DocumentName => {
  const [, , service, docs, ...path] = segmentsOf(pathOf(target))
  if (service === undefined || docs !== Path.documents || path.length === 0) {
    throw invalid(`A document's URL is ${Path.yjs}<service>/${Path.documents}/<path>.`)
  }
  const joined = path.join('/')
  if (![service, ...path].every(part => segment.test(part)) || joined.length > longestPath) {
    throw invalid(
      `A service and each segment of a document's path have 1 to 128 of A-Z a-z 0-9 _ -, the whole path at most ${longestPath}.`,
    )
  }
  return { service, path: joined }
}

/** YJS 5.5. @throws Refusal */
export const checkAwarenessName = (name: string): string => {
  if (awarenessName.test(name)) return name
  throw invalid('The name of an awareness stream has 1 to 64 of A-Z a-z 0-9 _ -.')
}
