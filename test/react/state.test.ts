import './page.ts'
import { act, cleanup, renderHook, waitFor } from '@testing-library/react'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import * as Y from 'yjs'
import { DurableStreamsProvider } from '../../provider/index.ts'
import { type Presence, usePresence, useSaved, useSynced } from '../../react/index.ts'
import { Room } from './room.ts'

const patience = { timeout: 15_000 }
const mine: DurableStreamsProvider[] = []
let room: Room
beforeAll(async () => {
  room = await Room.open()
})
afterEach(() => {
  cleanup()
  for (const provider of mine.splice(0)) provider.destroy()
})
afterAll(() => room.close())

const open = (name: string, connect = true): DurableStreamsProvider => {
  const provider = new DurableStreamsProvider(new Y.Doc(), room.options(name, { connect }))
  mine.push(provider)
  return provider
}

/** How often it rendered, under StrictMode, which also complains of snapshots that are new each time. */
const count = <Value>(use: () => Value) => {
  const complaints = vi.spyOn(console, 'error')
  let renders = 0
  const view = renderHook(
    () => {
      renders++
      return use()
    },
    { reactStrictMode: true },
  )
  const quiet = () => {
    expect(complaints.mock.calls).toEqual([])
    complaints.mockRestore()
  }
  return { ...view, renders: () => renders, quiet }
}

/** Somebody appears, moves or goes, without a network. */
const show = (provider: DurableStreamsProvider, client: number, state: object | null) =>
  act(async () => {
    const { awareness } = provider
    if (!awareness) throw new Error('no awareness')
    if (state) awareness.states.set(client, { ...state })
    else awareness.states.delete(client)
    awareness.emit('change', [{ added: [client], updated: [], removed: [] }, 'test'])
  })

test('[RS1] useSynced follows the provider through disconnecting and coming back, and nobody is not synced', async () => {
  const provider = open('rs1')
  const view = renderHook(({ given }) => useSynced(given), {
    initialProps: { given: undefined } as { given: DurableStreamsProvider | undefined },
  })
  expect(view.result.current).toBe(false)
  view.rerender({ given: provider })
  await waitFor(() => expect(view.result.current).toBe(true), patience)
  act(() => provider.disconnect())
  expect(view.result.current).toBe(false)
  act(() => provider.connect())
  await waitFor(() => expect(view.result.current).toBe(true), patience)
  act(() => provider.destroy())
  expect(view.result.current).toBe(false)
})

test('[RS2] useSaved tells what is not saved, edit by edit, and that it is saved only when it is', async () => {
  const provider = open('rs2')
  await provider.whenSynced()
  const view = count(() => useSaved(provider))
  expect(view.result.current).toEqual({ saved: true, unsaved: undefined })
  const openPosts = room.closePosts()
  await act(async () => provider.doc.getText('t').insert(0, 'a'))
  const { unsaved } = view.result.current
  expect(unsaved).toMatchObject({ updates: 1 })
  await act(async () => provider.doc.getText('t').insert(0, 'b'))
  expect(view.result.current.unsaved).toMatchObject({ updates: 2, since: unsaved?.since })
  openPosts()
  await waitFor(() => expect(view.result.current).toEqual({ saved: true, unsaved: undefined }), patience)
  view.quiet()
})

test('[RS14] useSaved tells why something is not saved, also when that changes and nothing is edited', async () => {
  const provider = open('rs14')
  await provider.whenSynced()
  const view = count(() => useSaved(provider))
  room.readOnly = true
  await act(async () => provider.doc.getText('t').insert(0, 'a'))
  await waitFor(() => expect(view.result.current.unsaved?.why).toBe('read-only'), patience)
  act(() => provider.disconnect())
  expect(view.result.current.unsaved?.why).toBe('offline')
  room.readOnly = false
  act(() => provider.connect())
  await waitFor(() => expect(view.result.current.saved).toBe(true), patience)
  view.quiet()
})

test('[RS3] useSaved gives the same object until what it says changes', async () => {
  const provider = open('rs3', false)
  provider.doc.getText('t').insert(0, 'a')
  const view = count(() => useSaved(provider))
  const first = view.result.current
  expect(first.saved).toBe(false)
  view.rerender()
  expect(view.result.current).toBe(first)
  // Changes of others are none of ours.
  const theirs = new Y.Doc()
  theirs.getText('t').insert(0, 'theirs')
  await act(async () => Y.applyUpdate(provider.doc, Y.encodeStateAsUpdate(theirs), provider))
  view.quiet()
})

test('[RS4] with a selection useSaved renders only when that changes', async () => {
  const provider = open('rs4', false)
  const view = count(() => useSaved(provider, ({ saved }) => ({ saved })))
  await act(async () => provider.doc.getText('t').insert(0, 'a'))
  const renders = view.renders()
  expect(view.result.current).toEqual({ saved: false })
  for (let edit = 0; edit < 20; edit++) await act(async () => provider.doc.getText('t').insert(0, 'b'))
  expect(view.renders()).toBe(renders)
  view.quiet()
})

test('[RS5] usePresence tells who is here and what this client shows, in maps that stay as they were', async () => {
  const provider = open('rs5', false)
  const { clientID } = provider.doc
  const view = count(() => usePresence(provider))
  const [before] = view.result.current
  expect(before.own).toEqual({})
  await show(provider, 7, { user: 'Ben' })
  const [after] = view.result.current
  expect([...after.states]).toEqual([
    [clientID, {}],
    [7, { user: 'Ben' }],
  ])
  expect(before.states.has(7)).toBe(false)
  await show(provider, 7, null)
  expect(view.result.current[0].states.has(7)).toBe(false)
  view.quiet()
})

test('[RS6] the setter leaves the fields of others alone, is the same each time, and takes everything away with null', async () => {
  const provider = open('rs6', false)
  provider.awareness?.setLocalStateField('cursor', { anchor: 1 })
  const view = count(() => usePresence(provider))
  const [, set] = view.result.current
  act(() => set({ user: 'Ada' }))
  expect(view.result.current[0].own).toEqual({ cursor: { anchor: 1 }, user: 'Ada' })
  expect(view.result.current[1]).toBe(set)
  act(() => set(null))
  expect(view.result.current[0].own).toBeNull()
  act(() => set({ user: 'Ada again' }))
  expect(view.result.current[0].own).toEqual({ user: 'Ada again' })
  view.quiet()
})

test('[RS7] with a selection, even one that is a new array each time, cursors move without rendering', async () => {
  const provider = open('rs7', false)
  const names = ({ states }: Presence) => [...states.values()].flatMap(({ user }) => user ?? [])
  const view = count(() => usePresence(provider, presence => names(presence))[0])
  await show(provider, 7, { user: { name: 'Ben' } })
  expect(view.result.current).toEqual([{ name: 'Ben' }])
  const [renders, shown] = [view.renders(), view.result.current]
  for (let at = 0; at < 50; at++) await show(provider, 7, { user: { name: 'Ben' }, cursor: at })
  expect(view.renders()).toBe(renders)
  view.rerender()
  expect(view.result.current).toBe(shown)
  await show(provider, 7, { user: { name: 'Benedict' }, cursor: 50 })
  expect(view.result.current).toEqual([{ name: 'Benedict' }])
  view.quiet()
})

test.each<[string, () => unknown]>([
  ['an instance', () => new Date(0)],
  ['a function', () => () => undefined],
  ['not a number', () => [Number.NaN]],
])('[RS8] a selection that is %s, never the same twice, does not render for ever', async (_, select) => {
  const provider = open('rs8', false)
  const view = count(() => usePresence(provider, select)[0])
  await show(provider, 7, { user: 'Ben' })
  expect(view.renders()).toBeLessThan(20)
  view.quiet()
})

test('[RS9] a selection made with what changed in the component is that of the latest render', async () => {
  const provider = open('rs9', false)
  await show(provider, 7, { user: 'Ben' })
  await show(provider, 8, { user: 'Cleo' })
  const view = renderHook(({ client }) => usePresence(provider, ({ states }) => states.get(client))[0], {
    initialProps: { client: 7 },
  })
  expect(view.result.current).toEqual({ user: 'Ben' })
  view.rerender({ client: 8 })
  expect(view.result.current).toEqual({ user: 'Cleo' })
})

test('[RS10] without presence nobody is here, and saying who one is does nothing', () => {
  const doc = new Y.Doc()
  const provider = new DurableStreamsProvider(doc, room.options('rs10', { awareness: false, connect: false }))
  mine.push(provider)
  for (const given of [undefined, provider]) {
    const view = count(() => usePresence(given))
    act(() => view.result.current[1]({ user: 'Ada' }))
    expect(view.result.current[0]).toEqual({ states: new Map(), own: null })
    view.quiet()
  }
})

test('[RS11] what a component listened to, it no longer does when it is gone', async () => {
  const provider = open('rs11', false)
  const { awareness, doc } = provider
  if (!awareness) throw new Error('no awareness')
  const listened = [provider, doc, awareness].map(one => ({
    on: vi.spyOn(one, 'on'),
    off: vi.spyOn(one, 'off'),
  }))
  const view = renderHook(() => [useSynced(provider), useSaved(provider), usePresence(provider)], {
    reactStrictMode: true,
  })
  view.rerender()
  view.unmount()
  for (const { on, off } of listened) {
    expect(on.mock.calls.length).toBeGreaterThan(0)
    expect(off.mock.calls).toEqual(on.mock.calls)
  }
})

test('[RS12] a server renders what is known before there is a provider, of any provider', () => {
  const provider = open('rs12', false)
  const View = () => {
    const [{ states, own }] = usePresence(provider)
    return createElement(
      'p',
      null,
      JSON.stringify([useSynced(provider), useSaved(provider), states.size, own]),
    )
  }
  const text = document.createElement('div')
  text.innerHTML = renderToString(createElement(View))
  expect(JSON.parse(text.textContent ?? '')).toEqual([false, { saved: false }, 0, null])
})

test('[RS13] two tabs of one component see each other through the server', async () => {
  const [ada, ben] = [open('rs13'), open('rs13')]
  const select = ({ states }: Presence) => [...states.values()].map(({ user }) => user).sort()
  const views = [ada, ben].map(provider => renderHook(() => usePresence(provider, select)))
  act(() => views[0]?.result.current[1]({ user: 'Ada' }))
  act(() => views[1]?.result.current[1]({ user: 'Ben' }))
  for (const view of views)
    await waitFor(() => expect(view.result.current[0]).toEqual(['Ada', 'Ben']), patience)
})
