import { Command, InvalidArgumentError } from 'commander'
import type { BrowserContext } from 'playwright-core'
import * as Y from 'yjs'
import { Service } from '../e2e/service.ts'
import { launch, Window } from '../e2e/window.ts'
import { DurableStreamsProvider } from '../provider/index.ts'

/**
 * How long tabs are without a connection when the one that held it goes: from then until an edit that somebody else makes at
 * that moment is on the screen of another tab. Needs what `npm run build` built.
 */
const measure = async (rounds: number, { end }: { readonly end: 'crash' | 'close' }): Promise<void> => {
  const service = await Service.open()
  const browser = await launch()
  const text = new Y.XmlText()
  const writer = await writerOf(service.url, text)
  try {
    const context = await browser.newContext()
    await context.addInitScript({ content: watchText })
    const tabs = [await tabOf(context, service), await tabOf(context, service)]
    const times: number[] = []
    for (let round = 0; round < rounds; round++) {
      tabs.push(await tabOf(context, service))
      const leader = await leaderOf(tabs)
      const rest = tabs.filter(tab => tab !== leader)
      const word = `round-${round}.`
      const seen = Promise.all(rest.map(tab => seenAt(tab, word)))
      const began = Date.now()
      const gone = end === 'crash' ? leader.crash() : leader.page.close()
      text.insert(text.length, word)
      const [at] = await Promise.all([seen, gone])
      times.push(Math.max(...at) - began)
      if (end === 'crash') await leader.page.close()
      tabs.splice(tabs.indexOf(leader), 1)
    }
    const sorted = times.toSorted((a, b) => a - b)
    const at = (share: number) => sorted[Math.ceil(sorted.length * share) - 1]
    process.stdout.write(
      `${end}: ${rounds} hand-overs of 3 tabs, an edit seen by both others after p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, at most ${at(1)} ms\n`,
    )
  } finally {
    writer.destroy()
    await browser.close()
    await service.close()
  }
}

const name = 'handover'

const writerOf = async (url: string, text: Y.XmlText): Promise<DurableStreamsProvider> => {
  const doc = new Y.Doc()
  const paragraph = new Y.XmlElement('paragraph')
  paragraph.insert(0, [text])
  doc.getXmlFragment('default').insert(0, [paragraph])
  const writer = new DurableStreamsProvider(doc, { url: `${url}/v1/yjs/default`, name })
  await writer.whenSynced()
  return writer
}

const tabOf = (context: BrowserContext, service: Service): Promise<Window> =>
  Window.openIn(context, `${service.url}/${name}`)

const leaderOf = async (tabs: readonly Window[]): Promise<Window> => {
  for (const tab of tabs) await tab.tabs.filter({ hasText: `${tabs.length} tabs` }).waitFor()
  for (const tab of tabs) if (await tab.leads()) return tab
  throw new Error('no tab leads')
}

/** Lets the page say when a word came, at once and by its own clock. As text: what tsx makes of functions needs its own help. */
const watchText = `
  window.came = word =>
    new Promise(resolve => {
      const look = () => {
        if (!document.querySelector('[data-testid=editor]')?.textContent.includes(word)) return
        observer.disconnect()
        resolve(Date.now())
      }
      const observer = new MutationObserver(look)
      observer.observe(document, { subtree: true, childList: true, characterData: true })
      look()
    })`

const seenAt = ({ page }: Window, word: string): Promise<number> =>
  page.evaluate(`came(${JSON.stringify(word)})`)

await new Command('npm run bench:tabs --')
  .description('How long the tabs of a browser are without a connection when the tab that held it goes.')
  .argument(
    '[rounds]',
    'hand-overs',
    (given: string) => {
      if (/^[1-9]\d{0,3}$/.test(given)) return Number(given)
      throw new InvalidArgumentError('It must be a whole number from 1 to 9999.')
    },
    25,
  )
  .option('--end <how>', 'what becomes of the tab: crash or close', 'crash')
  .action(measure)
  .parseAsync()
