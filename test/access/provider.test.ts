import { exportSPKI } from 'jose'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { ErrorCode, Path } from '../../protocol/index.ts'
import { DurableStreamsProvider, type ProviderError, type ProviderOptions } from '../../provider/index.ts'
import { jwtAuthorize, type Server, type ServerOptions, startServer } from '../../server/index.ts'
import { audience, bearer, Issuer, issuer } from './tokens.ts'

/** The real provider against a guarded server, over a real port. */

let maker: Issuer
let key: string
beforeAll(async () => {
  maker = await Issuer.open()
  key = await exportSPKI(maker.publicKey)
})

const over: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const end of over.splice(0).reverse()) await end()
})

const served = async (options: Partial<ServerOptions> = {}): Promise<Server> => {
  const authorize = jwtAuthorize({ algorithms: ['ES256'], key, issuer, audience, clockToleranceS: 0 })
  const server = await startServer({ port: 0, store: 'memory', authorize, ...options })
  over.push(() => server.close())
  return server
}
const everything = ['read', 'write', 'create', 'presence', 'delete']
const tokenFor = (rights: readonly string[], claims: Record<string, unknown> = {}) =>
  maker.token({ ds: [{ docs: 'acme/docs/**', rights }], ...claims })

const opened = (server: Server, headers: NonNullable<ProviderOptions['headers']>, name = 'd') => {
  const doc = new Y.Doc()
  const errors: ProviderError[] = []
  const awareness = new Awareness(doc)
  const provider = new DurableStreamsProvider(doc, {
    url: `${server.url}${Path.yjs}acme`,
    name,
    awareness,
    headers,
  })
  provider.on('error', error => errors.push(error))
  over.push(() => {
    provider.destroy()
    awareness.destroy()
  })
  return { provider, doc, text: doc.getText('t'), awareness, errors }
}
const withRights = async (server: Server, rights: readonly string[], sub: string, name?: string) =>
  opened(server, bearer(await tokenFor(rights, { sub })), name)

/** Resolves when the provider says so; what it has said already counts. */
const said = ({ provider, errors }: ReturnType<typeof opened>, is: (error: ProviderError) => boolean) =>
  new Promise<ProviderError>(resolve => {
    const found = errors.find(is)
    if (found) return resolve(found)
    const look = (error: ProviderError) => {
      if (!is(error)) return
      provider.off('error', look)
      resolve(error)
    }
    provider.on('error', look)
  })
const changed = (on: (look: () => void) => void, is: () => boolean) =>
  new Promise<void>(resolve => {
    const look = () => {
      if (is()) resolve()
    }
    on(look)
    look()
  })
const reads = (text: Y.Text, words: string) =>
  changed(
    look => text.observe(look),
    () => text.toString() === words,
  )

describe('A caller who may do everything', () => {
  test('creates, edits and is joined', async () => {
    const server = await served()
    const [ada, bob] = [
      await withRights(server, everything, 'ada'),
      await withRights(server, everything, 'bob'),
    ]
    ada.text.insert(0, 'hello')
    await ada.provider.whenSaved()
    await reads(bob.text, 'hello')
    expect([...ada.errors, ...bob.errors]).toEqual([])
  })
})

describe('401', () => {
  test('is answered by asking for other headers once, and then all goes on', async () => {
    const server = await served()
    const stale = await tokenFor(everything, { exp: Math.floor(Date.now() / 1_000) - 10 })
    const fresh = await tokenFor(everything)
    let token = stale
    const asks: boolean[] = []
    const { provider, text, errors } = opened(server, ({ refused }) => {
      asks.push(refused)
      if (refused) token = fresh
      return bearer(token)
    })
    text.insert(0, 'hello')
    await provider.whenSynced()
    expect([asks.filter(Boolean).length, errors]).toEqual([1, []])
  })

  test('twice stops the provider, with an event, and keeps what was edited', async () => {
    const server = await served()
    const bad = await tokenFor(everything, { aud: 'https://elsewhere.example' })
    let asked = 0
    const ada = opened(server, () => {
      asked++
      return bearer(bad)
    })
    ada.text.insert(0, 'hello')
    await expect(ada.provider.whenSynced()).rejects.toMatchObject({
      code: ErrorCode.unauthorized,
      fatal: true,
    })
    expect([ada.provider.status, asked, ada.errors.map(({ code }) => code)]).toEqual([
      'disconnected',
      2,
      [ErrorCode.unauthorized],
    ])
    expect(ada.provider.unsaved?.updates).toBe(1)
  })

  test('in the middle of a live answer, when a token ends, costs nothing but a new token', async () => {
    const server = await served()
    const exp = Math.ceil(Date.now() / 1_000) + 1
    const short = await tokenFor(everything, { exp })
    const long = await tokenFor(everything)
    let token = short
    let renewed: () => void = () => undefined
    const renewal = new Promise<void>(resolve => {
      renewed = resolve
    })
    const ada = opened(server, ({ refused }) => {
      if (refused) {
        token = long
        renewed()
      }
      return bearer(token)
    })
    ada.text.insert(0, 'one ')
    await ada.provider.whenSynced()
    await renewal
    const bob = await withRights(server, everything, 'bob')
    await bob.provider.whenSynced()
    bob.text.insert(4, 'two')
    await reads(ada.text, 'one two')
    expect(ada.errors.filter(({ fatal }) => fatal)).toEqual([])
  })
})

describe('403', () => {
  test('of a reading stops the provider, with an event', async () => {
    const server = await served()
    const eve = await withRights(server, ['write'], 'eve')
    await expect(eve.provider.whenSynced()).rejects.toMatchObject({ code: ErrorCode.forbidden, fatal: true })
    expect(eve.provider.status).toBe('disconnected')
  })

  test('of a document that is not there and may not be created stops it too', async () => {
    const server = await served()
    const guest = await withRights(server, ['read', 'write', 'presence'], 'guest')
    await expect(guest.provider.whenSynced()).rejects.toMatchObject({ code: ErrorCode.forbidden })
    const owner = await withRights(server, everything, 'owner')
    await owner.provider.whenSynced()
    guest.provider.connect()
    guest.text.insert(0, 'thanks')
    await reads(owner.text, 'thanks')
  })

  test('of a writing leaves the reader reading, and keeps the edit as unsaved', async () => {
    const server = await served()
    const ada = await withRights(server, everything, 'ada')
    ada.text.insert(0, 'one')
    await ada.provider.whenSaved()
    const guest = await withRights(server, ['read', 'presence'], 'guest')
    await guest.provider.whenSynced()
    expect(guest.errors).toEqual([])
    guest.text.insert(3, ' mine')
    const told = await said(guest, ({ code }) => code === ErrorCode.readOnly)
    expect(told.fatal).toBe(false)
    ada.text.insert(0, 'zero ')
    await reads(guest.text, 'zero one mine')
    expect([guest.provider.status, guest.provider.saved, guest.provider.unsaved?.updates]).toEqual([
      'connected',
      false,
      1,
    ])
    guest.text.insert(0, 'more ')
    expect(guest.provider.unsaved?.updates).toBe(2)
    expect(guest.errors.map(({ code }) => code)).toEqual([ErrorCode.readOnly])
    guest.awareness.setLocalStateField('user', { name: 'guest' })
    const { clientID } = guest.doc
    const isSeen = () => ada.awareness.getStates().get(clientID)?.['user'] !== undefined
    await changed(look => ada.awareness.on('change', look), isSeen)
    expect(ada.text.toString()).toBe('zero one')
  })

  test('of a writing is forgotten with the next connection: then everything is saved', async () => {
    const server = await served()
    const ada = await withRights(server, everything, 'ada')
    await ada.provider.whenSynced()
    let token = await tokenFor(['read'])
    const guest = opened(server, () => bearer(token))
    await guest.provider.whenSynced()
    guest.text.insert(0, 'kept')
    await said(guest, ({ code }) => code === ErrorCode.readOnly)
    guest.text.insert(4, ' all')
    token = await tokenFor(everything)
    guest.provider.disconnect()
    guest.provider.connect()
    await guest.provider.whenSaved()
    await reads(ada.text, 'kept all')
  })

  test('of presence leaves the reader reading', async () => {
    const server = await served()
    const ada = await withRights(server, everything, 'ada')
    ada.awareness.setLocalStateField('user', { name: 'ada' })
    await ada.provider.whenSynced()
    const guest = await withRights(server, ['read'], 'guest')
    await guest.provider.whenSynced()
    await changed(
      look => guest.awareness.on('change', look),
      () => guest.awareness.getStates().size === 2,
    )
    ada.text.insert(0, 'on')
    await reads(guest.text, 'on')
    expect(ada.awareness.getStates().has(guest.doc.clientID)).toBe(false)
    expect(guest.errors.some(({ fatal }) => fatal)).toBe(false)
  })
})

describe('[row 45] 429', () => {
  test('costs time and nothing else: everything arrives, once', async () => {
    const server = await served({ limits: { requestsPerSecond: 3 } })
    const ada = await withRights(server, everything, 'ada')
    let edits = 0
    while (!ada.errors.some(({ code }) => code === ErrorCode.rateLimited)) {
      ada.text.insert(ada.text.length, `${edits++} `)
      await new Promise(resolve => setImmediate(resolve))
    }
    await ada.provider.whenSaved()
    const bob = await withRights(server, everything, 'bob')
    await bob.provider.whenSynced()
    expect(bob.text.toString()).toBe(Array.from({ length: edits }, (_, at) => `${at} `).join(''))
    expect(ada.errors.every(({ code, fatal }) => code === ErrorCode.rateLimited && !fatal)).toBe(true)
  }, 30_000)
})
