import { ErrorCode, Path, ReservedSegment } from '../../protocol/index.ts'
import { type Problem, Refusal } from './answer.ts'

const invalid = (message: string): Refusal =>
  new Refusal({ status: 400, code: ErrorCode.invalidRequest, message })

/** The path of a raw request target. */
export const pathOf = (target: string): string => target.split(/[?#]/, 1)[0] ?? ''

/**
 * The segments of a raw path after exactly one decoding. Runs of slashes count as one. Done before any URL parser sees
 * the path: Node 20's leaves some encoded dot segments in place, others resolve them silently.
 * @throws Refusal for a bad escape, a dot segment, a slash hidden in an escape, or a control character
 */
export const segmentsOf = (path: string): readonly string[] =>
  path
    .split('/')
    .filter(segment => segment !== '')
    .map(segment => {
      let decoded: string
      try {
        decoded = decodeURIComponent(segment)
      } catch {
        throw invalid('The path has a percent escape that is not UTF-8. Encode each segment once.')
      }
      if (decoded === '.' || decoded === '..') {
        throw invalid('The path has a "." or ".." segment. Name the stream by its full path.')
      }
      if (/[/\\]/.test(decoded))
        throw invalid('A path segment holds an encoded slash. Segments are divided by "/".')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are refused
      if (/[\u0000-\u001f\u007f]/.test(decoded)) throw invalid('The path holds a control character.')
      return decoded
    })

const notFound: Problem = {
  status: 404,
  code: ErrorCode.notFound,
  message: `Nothing is served here. Streams are at ${Path.streams}, Yjs documents at ${Path.yjs}.`,
}

const prefix = (path: string): number => path.split('/').filter(Boolean).length

/** The store's name of the stream a `/v1/stream/…` target speaks of. @throws Refusal */
export const streamName = (target: string, nameBytes: number): string => {
  const segments = segmentsOf(pathOf(target)).slice(prefix(Path.streams))
  if (segments.length === 0 || segments.includes(ReservedSegment)) throw new Refusal(notFound)
  const name = segments.join('/')
  if (Buffer.byteLength(name) > nameBytes) {
    throw invalid(`The stream's path is longer than ${nameBytes} bytes. Choose a shorter one.`)
  }
  return `stream/${name}`
}
