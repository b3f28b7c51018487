import { expect } from 'vitest'
import { ContentType } from '../../protocol/index.ts'
import { answerOf, type RawConnection } from '../process/raw.ts'
import type { Arena } from './arena.ts'

/** The head of a POST, line by line. */
export const head = (target: string, ...lines: readonly string[]): string =>
  [`POST ${target} HTTP/1.1`, 'Host: arena', 'Content-Type: text/plain', ...lines, '', ''].join('\r\n')

/** The last answer, once the server has ended the connection. */
export const answered = async (connection: RawConnection) => {
  const { text } = await connection.untilEnd()
  const answer = answerOf(text)
  expect(answer.head).toContain('x-content-type-options: nosniff')
  expect(answer.head).toContain(`content-type: ${ContentType.json}`)
  expect(answer.head).toContain('connection: close')
  return { status: answer.status, code: JSON.parse(answer.body).error.code as unknown }
}

/** A connection on which these parts were sent. */
export const sent = async (
  arena: Arena,
  ...parts: readonly (string | Uint8Array)[]
): Promise<RawConnection> => {
  const connection = await arena.connect()
  for (const part of parts) connection.send(part)
  return connection
}
