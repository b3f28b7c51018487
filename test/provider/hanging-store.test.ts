import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { Path } from '../../protocol/index.ts'
import { DurableStreamsProvider, type World } from '../../provider/index.ts'
import { type Server, startServer } from '../../server/index.ts'

let server: Server | undefined
afterEach(() => server?.close())

const never = () => new Promise<void>(() => undefined)

/** Opens, and does nothing after that. */
const openLocal: World['openLocal'] = async () => ({
  loaded: { place: undefined, flights: [] },
  keep: never,
  keepFlight: never,
  dropFlight: never,
  clear: never,
  close: never,
})

test('a database that hangs does not keep edits from being saved on the server', async () => {
  server = await startServer({ port: 0, store: 'memory' })
  const doc = new Y.Doc()
  const provider = new DurableStreamsProvider(doc, {
    url: `${server.url}${Path.yjs}s`,
    name: 'd',
    awareness: false,
    offline: true,
    env: { openLocal },
  })
  await provider.whenSynced()
  doc.getText('text').insert(0, 'kept elsewhere')
  expect(provider.saved).toBe(false)
  await vi.waitFor(() => expect(provider.saved).toBe(true), 20_000)
  doc.getText('text').insert(0, 'again ')
  await vi.waitFor(() => expect(provider.saved).toBe(true), 20_000)
  provider.destroy()
})
