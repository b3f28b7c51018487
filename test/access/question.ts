import type { AccessQuestion } from '../../server/access/question.ts'

/** A question about a document, but for what is said. */
export const question = (
  given: Partial<AccessQuestion> & { readonly authorization?: string } = {},
): AccessQuestion => {
  const { authorization, ...rest } = given
  return {
    action: 'read',
    service: 'acme',
    document: 'notes/a',
    stream: undefined,
    awareness: undefined,
    subscription: undefined,
    request: {
      method: 'GET',
      url: '/',
      headers: new Headers(authorization === undefined ? {} : { Authorization: authorization }),
    },
    address: '192.0.2.1',
    signal: new AbortController().signal,
    ...rest,
  }
}
