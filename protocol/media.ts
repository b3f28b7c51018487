import { ContentType } from './names.ts'

/** The media type without parameters, in lower case: how two content types are compared (PROTOCOL 5.2). */
export const mediaType = (contentType: string): string =>
  (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()

/** PROTOCOL 9.1: streams of this type keep message boundaries and answer arrays. */
export const isJson = (contentType: string): boolean => mediaType(contentType) === ContentType.json

/** PROTOCOL 5.8: whether server-sent events carry this type as text; everything else travels as base64. */
export const isTextual = (contentType: string): boolean =>
  isJson(contentType) || mediaType(contentType).startsWith('text/')
