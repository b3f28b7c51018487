import { Hono } from 'hono'
import { Live, namesSnapshot, Query, Sentinel } from '../../protocol/index.ts'
import { logStream } from '../yjs/names.ts'
import { answer, refuse } from './answer.ts'
import { appendAwareness, createAwareness, readAwareness, removeAwareness } from './awareness.ts'
import { respondDescribed } from './describe.ts'
import { checkAwarenessName, documentName } from './document-target.ts'
import { appendDocument, createDocument } from './document-write.ts'
import { type AppEnv, type Exchange, queryOf, rawTarget, type Verb } from './exchange.ts'
import { missingDocument } from './missing.ts'
import { respondRead } from './read.ts'
import { parseRead } from './read-command.ts'
import { respondDiscovery, respondSnapshot } from './snapshot.ts'
import { notAllowed } from './streams-routes.ts'
import type { Yjs } from './yjs.ts'

/** The Yjs extension: one URL a document, its presence behind the `awareness` parameter. */
export const documentRoutes = (yjs: Yjs): Hono<AppEnv> =>
  new Hono<AppEnv>()
    .put('/*', either(yjs, createAwareness(yjs), createDocument(yjs)))
    .post('/*', either(yjs, appendAwareness(yjs), appendDocument(yjs)))
    .get('/*', either(yjs, readAwareness(yjs), readDocument(yjs)))
    .delete('/*', either(yjs, removeAwareness(yjs), removeDocument(yjs)))
    .all('/*', c => refuse(c, notAllowed))

type AwarenessVerb = (c: Exchange, awareness: string) => Promise<Response>

const either =
  ({ limits }: Yjs, awareness: AwarenessVerb, document: (c: Exchange) => Promise<Response>): Verb =>
  c => {
    const name = c.req.query(Query.awareness)
    return name === undefined ? document(c) : awareness(c, checkAwarenessName(name, limits))
  }

const readDocument =
  ({ documents, limits, world }: Yjs) =>
  async (c: Exchange): Promise<Response> => {
    const name = documentName(rawTarget(c), limits)
    if (c.req.method === 'HEAD') return respondDescribed(c, await documents.load(name), missingDocument)
    const query = queryOf(c)
    const command = parseRead(query, Live.longPoll)
    if (command.offset === Sentinel.snapshot) return respondDiscovery(c, documents, name, query)
    if (command.offset !== undefined && namesSnapshot(command.offset)) {
      return respondSnapshot(c, documents, name, command.offset)
    }
    const { streams } = documents
    return respondRead(c, { streams, limits, world, missing: missingDocument }, logStream(name), command)
  }

const removeDocument =
  ({ documents, limits }: Yjs) =>
  async (c: Exchange): Promise<Response> =>
    (await documents.remove(documentName(rawTarget(c), limits)))
      ? answer(c, 204, {})
      : refuse(c, missingDocument)
