import { ErrorCode, Path } from '../../protocol/index.ts'
import type { Limits } from '../limits.ts'
import type { DocumentName } from '../yjs/names.ts'
import { Refusal } from './answer.ts'
import { pathOf, segmentsOf } from './target.ts'

const letters = /^[A-Za-z0-9_-]+$/
const isName = (text: string, longest: number): boolean => text.length <= longest && letters.test(text)

const invalid = (message: string): Refusal =>
  new Refusal({ status: 400, code: ErrorCode.invalidRequest, message })

/** `/v1/yjs/<service>/docs/<path…>` (YJS 4). @throws Refusal for every other target */
export const documentName = (
  target: string,
  { segmentLength, documentPathLength }: Pick<Limits, 'segmentLength' | 'documentPathLength'>,
): DocumentName => {
  const [, , service, docs, ...path] = segmentsOf(pathOf(target))
  if (service === undefined || docs !== Path.documents || path.length === 0) {
    throw invalid(`A document's URL is ${Path.yjs}<service>/${Path.documents}/<path>.`)
  }
  const joined = path.join('/')
  if (![service, ...path].every(part => isName(part, segmentLength)) || joined.length > documentPathLength) {
    throw invalid(
      `A service and each segment of a document's path have 1 to ${segmentLength} of A-Z a-z 0-9 _ -, the whole path at most ${documentPathLength}.`,
    )
  }
  return { service, path: joined }
}

/** The one spelling of a document's path. Made of its parts: a target as it came may begin like another host's URL. */
export const documentPath = ({ service, path }: DocumentName): string =>
  `${Path.yjs}${service}/${Path.documents}/${path}`

/** YJS 5.5. @throws Refusal */
export const checkAwarenessName = (name: string, { awarenessNameLength: longest }: Limits): string => {
  if (isName(name, longest)) return name
  throw invalid(`The name of an awareness stream has 1 to ${longest} of A-Z a-z 0-9 _ -.`)
}
