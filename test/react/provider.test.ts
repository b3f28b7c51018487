import './page.ts'
import { act, cleanup, render, renderHook, waitFor } from '@testing-library/react'
import { createElement, StrictMode, useEffect } from 'react'
import { hydrateRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { DurableStreamsProvider, ProviderOptions } from '../../provider/index.ts'
import { useProvider, useSaved, useSynced } from '../../react/index.ts'
import { Room } from './room.ts'

const patience = { timeout: 15_000 }
let room: Room
beforeAll(async () => {
  room = await Room.open()
})
afterEach(cleanup)
beforeEach(() => room.requests.splice(0))
afterAll(() => room.close())

const joins = () => room.requests.filter(request => request === 'GET ?offset=snapshot')

interface Props {
  readonly doc: Y.Doc | undefined
  readonly options: ProviderOptions
}
const show = (doc: Y.Doc | undefined, options: ProviderOptions, strict = false) => {
  const seen: (DurableStreamsProvider | undefined)[] = []
  const view = renderHook(
    (props: Props) => {
      const provider = useProvider(props.doc, props.options)
      seen.push(provider)
      if (provider && provider.doc !== props.doc) throw new Error('a provider of another document')
      return provider
    },
    { initialProps: { doc, options }, reactStrictMode: strict },
  )
  const provider = (): DurableStreamsProvider => {
    const { current } = view.result
    if (!current) throw new Error('no provider')
    return current
  }
  return { ...view, seen, provider }
}

test('[RP1] a component gets a provider that connects, and leaves it destroyed', async () => {
  const doc = new Y.Doc()
  const view = show(doc, room.options('rp1'))
  const provider = view.provider()
  expect(view.seen[0]).toBeUndefined()
  await provider.whenSynced()
  const destroyed = vi.fn()
  provider.on('destroy', destroyed)
  view.unmount()
  await waitFor(() => expect(destroyed).toHaveBeenCalledOnce(), patience)
  expect(provider.status).toBe('disconnected')
})

test('[RP2] under StrictMode, whose effects run twice, there is one provider and one connection', async () => {
  const view = show(new Y.Doc(), room.options('rp2'), true)
  const provider = view.provider()
  await provider.whenSynced()
  expect(new Set(view.seen)).toEqual(new Set([undefined, provider]))
  expect(joins()).toHaveLength(1 + 1) // there was no document yet: asked, created, asked again
  expect(provider.status).toBe('connected')
  view.unmount()
  await waitFor(() => expect(provider.status).toBe('disconnected'), patience)
})

test('[RP3] options that say the same, in new objects, keep the provider', async () => {
  const doc = new Y.Doc()
  const view = show(doc, room.options('rp3', { live: 'sse' }))
  const provider = view.provider()
  await provider.whenSynced()
  room.requests.splice(0)
  view.rerender({
    doc,
    options: { live: 'sse', create: undefined, ...room.options('rp3') } as ProviderOptions,
  })
  view.rerender({ doc, options: room.options('rp3', { headers: { 'x-who': 'b' }, live: 'sse' }) })
  expect(view.result.current).toBe(provider)
  expect(provider.status).toBe('connected')
  expect(joins()).toEqual([])
})

test.each([
  ['the name', { name: 'rp4-b' }, {}],
  ['the transport', { live: 'long-poll' }, {}],
  ['the awareness', { awareness: false }, {}],
  ['the address', { url: undefined }, { fails: /url/ }],
] as const)(
  '[RP4] where %s differs there is another provider, and the one before is gone',
  async (_, change, { fails }: { readonly fails?: RegExp }) => {
    const doc = new Y.Doc()
    const options = room.options('rp4')
    const view = show(doc, options)
    const before = view.provider()
    await before.whenSynced()
    const rerender = () => view.rerender({ doc, options: { ...options, ...change } as ProviderOptions })
    const quiet = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    if (fails) expect(rerender).toThrow(fails)
    else {
      rerender()
      expect(view.provider()).not.toBe(before)
      await view.provider().whenSynced()
      expect(view.seen.filter((one, at) => at === 0 || one !== view.seen[at - 1])).toEqual([
        undefined,
        before,
        undefined,
        view.provider(),
      ])
    }
    await waitFor(() => expect(before.status).toBe('disconnected'), patience)
    quiet.mockRestore()
  },
)

test('[RP5] another document has another provider, and none has none', async () => {
  const options = room.options('rp5')
  const view = show(undefined, options)
  expect(view.result.current).toBeUndefined()
  const [one, two] = [new Y.Doc(), new Y.Doc()]
  view.rerender({ doc: one, options })
  const first = view.provider()
  view.rerender({ doc: two, options })
  expect(view.provider().doc).toBe(two)
  await waitFor(() => expect(first.status).toBe('disconnected'), patience)
  view.rerender({ doc: undefined, options })
  expect(view.result.current).toBeUndefined()
})

test('[RP6] the headers of the latest render go with each request, without a new connection', async () => {
  const doc = new Y.Doc()
  const named = (who: string) => room.options('rp6', { headers: async () => ({ 'x-who': who }) })
  const view = show(doc, named('ada'))
  await view.provider().whenSynced()
  expect(room.who).toContain('ada')
  view.rerender({ doc, options: named('ben') })
  doc.getText('t').insert(0, 'x')
  await view.provider().whenSaved()
  expect(room.who).toContain('ben')
  view.rerender({ doc, options: room.options('rp6', { headers: { 'x-who': 'cleo' } }) })
  doc.getText('t').insert(0, 'y')
  await view.provider().whenSaved()
  expect(room.who).toContain('cleo')
})

test('[RP7] `connect` connects and disconnects the same provider', async () => {
  const doc = new Y.Doc()
  const view = show(doc, room.options('rp7', { connect: false }))
  const provider = view.provider()
  expect([provider.status, room.requests]).toEqual(['disconnected', []])
  view.rerender({ doc, options: room.options('rp7', { connect: true }) })
  await provider.whenSynced()
  view.rerender({ doc, options: room.options('rp7', { connect: false }) })
  expect(provider.status).toBe('disconnected')
  expect(view.result.current).toBe(provider)
})

test('[RP8] components that ask for the same share one provider, to the last of them', async () => {
  const doc = new Y.Doc()
  const [one, two] = [show(doc, room.options('rp8')), show(doc, room.options('rp8'))]
  const provider = one.provider()
  expect(two.provider()).toBe(provider)
  await provider.whenSynced()
  expect(joins()).toHaveLength(1 + 1)
  one.unmount()
  doc.getText('t').insert(0, 'x')
  await provider.whenSaved()
  expect(provider.status).toBe('connected')
  two.unmount()
  await waitFor(() => expect(provider.status).toBe('disconnected'), patience)
})

test('[RP9] what was typed last before the component went is saved, and others see it go at once', async () => {
  const doc = new Y.Doc()
  const other = await room.other('rp9')
  const view = show(doc, room.options('rp9'))
  const provider = view.provider()
  await provider.whenSynced()
  await waitFor(() => expect(other.awareness?.getStates().has(doc.clientID)).toBe(true), patience)
  const open = room.closePosts()
  doc.getText('t').insert(0, 'last words')
  view.unmount()
  await waitFor(() => expect(other.awareness?.getStates().has(doc.clientID)).toBe(false), patience)
  expect(provider.saved).toBe(false)
  open()
  await waitFor(() => expect(provider.status).toBe('disconnected'), patience)
  expect(provider.saved).toBe(true)
  await waitFor(() => expect(other.doc.getText('t').toString()).toBe('last words'), patience)
})

test('[RP10] who comes back before everything is saved finds the same provider, and is seen as before', async () => {
  const doc = new Y.Doc()
  const other = await room.other('rp10')
  const view = show(doc, room.options('rp10'))
  const provider = view.provider()
  await provider.whenSynced()
  provider.awareness?.setLocalState({ user: 'Ada' })
  const open = room.closePosts()
  doc.getText('t').insert(0, 'x')
  view.unmount()
  await waitFor(() => expect(provider.awareness?.getLocalState()).toBeNull())
  const again = show(doc, room.options('rp10'))
  expect(again.provider()).toBe(provider)
  open()
  await provider.whenSaved()
  expect(provider.status).toBe('connected')
  await waitFor(
    () => expect(other.awareness?.getStates().get(doc.clientID)).toEqual({ user: 'Ada' }),
    patience,
  )
  again.unmount()
  await waitFor(() => expect(provider.status).toBe('disconnected'), patience)
})

test('[RP11] what can never be saved keeps no provider alive', async () => {
  const doc = new Y.Doc()
  const view = show(doc, room.options('rp11', { create: false }))
  const provider = view.provider()
  doc.getText('t').insert(0, 'x')
  const destroyed = vi.fn()
  provider.on('destroy', destroyed)
  view.unmount() // before the server has said that there is no such document
  await waitFor(() => expect(destroyed).toHaveBeenCalledOnce(), patience)
  expect(provider.saved).toBe(false)
})

test('[RP16] who may only read, and edits all the same, keeps no provider alive', async () => {
  const doc = new Y.Doc()
  const view = show(doc, room.options('rp16'))
  const provider = view.provider()
  await provider.whenSynced()
  room.readOnly = true
  doc.getText('t').insert(0, 'x')
  view.unmount()
  await waitFor(() => expect(provider.status).toBe('disconnected'), patience)
  room.readOnly = false
  expect([provider.saved, provider.readOnly]).toEqual([false, true])
})

test('[RP12] where the component’s document is destroyed with it, StrictMode gets a provider that works all the same', async () => {
  const doc = new Y.Doc()
  const view = renderHook(
    () => {
      useEffect(() => () => doc.destroy(), [])
      return useProvider(doc, room.options('rp12'))
    },
    { reactStrictMode: true },
  )
  await waitFor(() => expect(view.result.current?.synced).toBe(true), patience)
})

test('[RP13] an awareness of one’s own is used, and stays when the provider goes', async () => {
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  const view = show(doc, room.options('rp13', { awareness }))
  const provider = view.provider()
  expect(provider.awareness).toBe(awareness)
  await provider.whenSynced()
  view.unmount()
  await waitFor(() => expect(provider.status).toBe('disconnected'), patience)
  expect(awareness.getLocalState()).toEqual({})
  awareness.destroy()
})

test('[RP14] a server renders it without a provider or a request, and a page takes that over', async () => {
  const doc = new Y.Doc()
  const errors = vi.fn()
  const View = () => {
    const provider = useProvider(doc, room.options('rp14'))
    const { saved } = useSaved(provider)
    return createElement('p', null, `${saved} ${useSynced(provider)}`)
  }
  const html = renderToString(createElement(StrictMode, null, createElement(View)))
  expect(html).toBe('<p>false false</p>')
  expect(room.requests).toEqual([])
  const element = document.createElement('div')
  element.innerHTML = html
  const root = await act(async () =>
    hydrateRoot(element, createElement(StrictMode, null, createElement(View)), {
      onRecoverableError: errors,
    }),
  )
  await waitFor(() => expect(element.textContent).toBe('true true'), patience)
  expect(errors).not.toHaveBeenCalled()
  await act(async () => root.unmount())
})

test('[RP15] many components that come and go leave nothing behind', async () => {
  const doc = new Y.Doc()
  const seen = new Set<DurableStreamsProvider>()
  for (let round = 0; round < 10; round++) {
    const view = render(
      createElement(() => {
        const provider = useProvider(doc, room.options('rp15'))
        if (provider) seen.add(provider)
        return null
      }),
    )
    view.unmount()
  }
  await waitFor(() => {
    for (const provider of seen) expect(provider.status).toBe('disconnected')
  }, patience)
})
