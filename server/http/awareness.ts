import {
  ContentType,
  DefaultAwareness,
  ErrorCode,
  formatAges,
  Header,
  Live,
  OwnHeader,
  Present,
  Sentinel,
} from '../../protocol/index.ts'
import { offsetAt } from '../rules/parts.ts'
import type { DocumentName } from '../yjs/names.ts'
import { presenceStream } from '../yjs/names.ts'
import { answer, type Problem, Refusal, refuse } from './answer.ts'
import { parseAppend, respondAppended } from './append.ts'
import { exposing } from './cors.ts'
import { respondDescribed } from './describe.ts'
import { documentName } from './document-target.ts'
import { type Exchange, queryOf, rawTarget } from './exchange.ts'
import { missingDocument } from './missing.ts'
import { respondRead } from './read.ts'
import { parseRead } from './read-command.ts'
import type { Yjs } from './yjs.ts'

const missingAwareness: Problem = {
  status: 404,
  code: ErrorCode.streamNotFound,
  message: 'There is no such awareness stream, or it expired. Create it with PUT, or POST to it.',
}

const full = (most: number): Problem => ({
  status: 409,
  code: ErrorCode.configMismatch,
  message: `A document has at most ${most} awareness streams. Use one of them, or delete one.`,
})

const notToClose: Problem = {
  status: 400,
  code: ErrorCode.invalidRequest,
  message: `Presence is everybody’s and is not closed. Send the word without ${Header.closed}; to leave, send an awareness update whose state is null.`,
}

/** YJS 5.6: the document must exist, it is never created by its presence. */
export const createAwareness =
  ({ documents, limits }: Yjs) =>
  async (c: Exchange, awareness: string): Promise<Response> => {
    const name = documentName(rawTarget(c), limits)
    if (!(await documents.load(name))) return refuse(c, missingDocument)
    const outcome = await documents.presence.create(name, awareness)
    if (outcome === 'full') return refuse(c, full(limits.awarenessPerDocument))
    return answer(c, outcome === 'created' ? 201 : 200, {
      'Content-Type': ContentType.binary,
      ...(outcome === 'created' && { Location: c.req.url }),
    })
  }

/** YJS 5.6: broadcast; any bytes pass (YJS 12.4). The headers of a producer are checked; the answer is 204 all the same. */
export const appendAwareness =
  ({ documents, limits }: Yjs) =>
  async (c: Exchange, awareness: string): Promise<Response> => {
    const name = documentName(rawTarget(c), limits)
    const parsed = await parseAppend(c, limits, limits.awarenessBodyBytes)
    if (parsed.close) throw new Refusal(notToClose)
    if (!(await documents.load(name))) return refuse(c, missingDocument)
    const command = { ...parsed, contentType: parsed.contentType ?? ContentType.binary }
    const outcome = await documents.presence.append(name, awareness, command)
    if (outcome === 'full') return refuse(c, full(limits.awarenessPerDocument))
    return respondAppended(c, command, outcome, missingAwareness)
  }

/**
 * YJS 5.5; `offset=snapshot` is this server's addition: everybody present, then where to follow from. With it goes the age
 * of each frame, so that whoever joins after a crash does not wait longer for the dead than those who saw it.
 */
export const readAwareness =
  (yjs: Yjs) =>
  async (c: Exchange, awareness: string): Promise<Response> => {
    const { documents, limits, world } = yjs
    const name = documentName(rawTarget(c), limits)
    const { presence } = documents
    if (!(await documents.load(name))) return refuse(c, missingDocument)
    const stream = presenceStream(name, awareness)
    if (c.req.method === 'HEAD')
      return respondDescribed(c, await presence.streams.load(stream), missingAwareness)
    const command = parseRead(queryOf(c), Live.sse)
    if (command.offset === Sentinel.snapshot) return respondRoster(c, yjs, name, awareness)
    // Every document has this one, also when a restart or an hour without use has forgotten it.
    if (awareness === DefaultAwareness && !(await presence.streams.load(stream))) {
      await presence.create(name, awareness)
    }
    return respondRead(
      c,
      { streams: presence.streams, limits, world, missing: missingAwareness, ephemeral: true },
      stream,
      command,
    )
  }

const respondRoster = async (
  c: Exchange,
  { documents, limits }: Yjs,
  name: DocumentName,
  awareness: string,
): Promise<Response> => {
  const roster = await documents.presence.roster(name, awareness)
  if (roster === 'full') return refuse(c, full(limits.awarenessPerDocument))
  const { state, frames, ages } = roster
  return answer(
    c,
    200,
    {
      'Content-Type': ContentType.binary,
      'Cache-Control': 'no-store',
      [Header.nextOffset]: offsetAt(state, state.tail),
      [Header.upToDate]: Present,
      ...(ages.length > 0 && {
        [OwnHeader.awarenessAges]: formatAges(ages),
        ...exposing(c, OwnHeader.awarenessAges),
      }),
    },
    frames,
  )
}

export const removeAwareness =
  ({ documents, limits }: Yjs) =>
  async (c: Exchange, awareness: string): Promise<Response> =>
    (await documents.presence.remove(documentName(rawTarget(c), limits), awareness))
      ? answer(c, 204, {})
      : refuse(c, missingAwareness)
