import { afterEach, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { realEnv } from '../../client/index.ts'
import { Path } from '../../protocol/index.ts'
import { DurableStreamsProvider } from '../../provider/index.ts'
import { openIndexedDbWith } from '../../provider/local/indexeddb.ts'
import { type Server, startServer } from '../../server/index.ts'
import { hold } from '../local/fake-browser.ts'

let server: Server | undefined
let provider: DurableStreamsProvider | undefined
let release: (() => Promise<void>) | undefined

afterEach(async () => {
  provider?.destroy()
  await release?.()
  await server?.close()
})

const inTime = (check: () => unknown) => vi.waitFor(check, 20_000)

/** Opens a document kept under `name`; its waits for that are short. */
const opened = async (name: string, doc: Y.Doc): Promise<DurableStreamsProvider> => {
  server = await startServer({ port: 0, store: 'memory' })
  const openLocal = openIndexedDbWith({ sleep: (ms, signal) => realEnv.sleep(ms / 50, signal) })
  provider = new DurableStreamsProvider(doc, {
    url: `${server.url}${Path.yjs}s`,
    name: 'd',
    awareness: false,
    offline: true,
    env: {
      openLocal: parts => openLocal({ ...parts, name }),
      sleep: (ms, signal) => (ms === 2_000 ? Promise.resolve() : realEnv.sleep(ms, signal)),
    },
  })
  return provider
}

test('a database that hangs as it is opened does not keep edits from being saved on the server', async () => {
  const openLocal = openIndexedDbWith(realEnv)
  const store = await openLocal({ name: 'opening', doc: new Y.Doc(), onProblem: () => undefined })
  await store.close()
  release = await hold('opening')
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'kept elsewhere')
  const provider = await opened('opening', doc)
  const problems: string[] = []
  provider.on('error', ({ code }) => problems.push(code))
  await inTime(() => expect(provider.saved).toBe(true))
  expect(provider.loaded).toBe(true)
  expect(problems).toEqual(['LOCAL_STORE_FAILED'])
})

test('a database that hangs later does not either', async () => {
  const doc = new Y.Doc()
  const provider = await opened('later', doc)
  await provider.whenSynced()
  release = await hold('later')
  doc.getText('text').insert(0, 'kept elsewhere')
  expect(provider.saved).toBe(false)
  await inTime(() => expect(provider.saved).toBe(true))
  doc.getText('text').insert(0, 'again ')
  await inTime(() => expect(provider.saved).toBe(true))
})
