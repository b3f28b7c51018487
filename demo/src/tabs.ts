import type { DurableStreamsProvider } from 'durable-streams-yjs'
import { part } from './page.ts'

/** How many tabs of this browser share one connection, and whether this one holds it. */
export type Tabs = NonNullable<DurableStreamsProvider['tabs']>

/** Undefined when there is nothing to tell: this tab is the only one. */
export const tabsInWords = (tabs: Tabs | undefined): string | undefined => {
  if (!tabs || tabs.count < 2) return undefined
  const holder = tabs.leading ? 'This one holds it.' : 'Another one holds it.'
  return `${tabs.count} tabs of this browser share one connection. ${holder}`
}

/** Shows it: a number beside the status, and a sentence in the panel. */
export const watchTabs = (provider: DurableStreamsProvider): void => {
  const chip = part('tabs', HTMLElement)
  const count = part('tabs-count', HTMLElement)
  const note = part('tabs-note', HTMLElement)
  const show = () => {
    const { tabs } = provider
    const words = tabsInWords(tabs)
    chip.hidden = words === undefined
    note.hidden = words === undefined
    chip.dataset['leading'] = String(tabs?.leading ?? false)
    chip.title = words ?? ''
    note.textContent = words ?? ''
    count.textContent = String(tabs?.count ?? 1)
  }
  provider.on('tabs', show)
  provider.on('status', show)
  show()
}
