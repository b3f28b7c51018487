import type { Exchange } from './exchange.ts'

/** RFC 9110 13.1.2: whether the client has what `tag` names. `If-None-Match` lists tags, weakly compared, or is an asterisk. */
export const isNotModified = (c: Exchange, tag: string): boolean =>
  c.req
    .header('If-None-Match')
    ?.split(',')
    .some(one => ['*', tag, `W/${tag}`].includes(one.trim())) ?? false
