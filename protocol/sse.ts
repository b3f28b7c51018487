import { Control, SseEvent } from './names.ts'
import type { Offset } from './offset.ts'

/** A control event in words (PROTOCOL 5.8). `cursor` is absent once the stream is closed. */
export interface ControlEvent {
  readonly nextOffset: Offset
  readonly cursor?: string | undefined
  readonly upToDate?: boolean
  readonly closed?: boolean
}

const lineBreak = /\r\n|\r|\n/

/** Readers take one space off behind the colon, so only a line that begins with one needs another. */
const event = (name: string, payload: string): string => {
  let text = `event: ${name}\n`
  for (const line of payload.split(lineBreak))
    text += line.startsWith(' ') ? `data: ${line}\n` : `data:${line}\n`
  return `${text}\n`
}

/** One batch of data. Line breaks in the payload become further `data:` lines, so no payload can forge an event. */
export const dataEvent = (payload: string): string => event(SseEvent.data, payload)

/** What follows every data event: where to go on from, and whether there is more. */
export const controlEvent = (control: ControlEvent): string => {
  const fields: Record<string, string | boolean> = { [Control.nextOffset]: control.nextOffset }
  if (control.cursor !== undefined && !control.closed) fields[Control.cursor] = control.cursor
  if (control.upToDate) fields[Control.upToDate] = true
  if (control.closed) fields[Control.closed] = true
  return event(SseEvent.control, JSON.stringify(fields))
}

/** A comment: keeps proxies from cutting an idle stream and lets a client notice a dead one. */
export const heartbeat = ':\n\n'

/** @throws SyntaxError | TypeError for a payload that is not a control event */
export const parseControl = (payload: string): ControlEvent => {
  const fields = JSON.parse(payload) as Record<string, unknown>
  const nextOffset = fields[Control.nextOffset]
  const cursor = fields[Control.cursor]
  if (typeof nextOffset !== 'string') throw new TypeError(`a control event needs ${Control.nextOffset}`)
  return {
    nextOffset: nextOffset as Offset,
    cursor: typeof cursor === 'string' ? cursor : undefined,
    upToDate: fields[Control.upToDate] === true || fields[Control.closed] === true,
    closed: fields[Control.closed] === true,
  }
}
