import { ControlPath, ErrorCode, Path, ReservedSegment, SubscriptionAction } from '../../protocol/index.ts'
import { type Problem, Refusal } from './answer.ts'

const invalid = (message: string): Refusal =>
  new Refusal({ status: 400, code: ErrorCode.invalidRequest, message })

/** The path of a raw request target, also of one that names its host (RFC 9112 3.2.2). */
export const pathOf = (target: string): string =>
  target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0] ?? ''

/** The path a request is routed and authorised by: decoded, without empty segments. That of an invalid one is `/`. */
export const routeOf = (target: string): string => {
  try {
    return `/${segmentsOf(pathOf(target)).join('/')}`
  } catch (error) {
    if (error instanceof Refusal) return '/'
    throw error
  }
}

/** PROTOCOL 6.4: what follows is the path of a stream, its slashes encoded or not. */
const membership = new RegExp(
  `^((?:${[...Path.streams.split('/').filter(Boolean), `(?:[^/]+/+)?${ReservedSegment}`, ControlPath.subscriptions, '[^/]+', SubscriptionAction.streams].map(part => `/+${part}`).join('')})/+)(.*)$`,
)

/**
 * The segments of a raw path after exactly one decoding. Runs of slashes count as one. Done before any URL parser sees
 * the path: Node 20's leaves some encoded dot segments in place, others resolve them silently.
 * @throws Refusal for a bad escape, a dot segment, a slash hidden in an escape, or a control character
 */
export const segmentsOf = (path: string): readonly string[] =>
  path
    .replace(membership, (_, before: string, stream: string) => before + stream.replaceAll(/%2f/gi, '/'))
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
