import { fileURLToPath } from 'node:url'
import { expect, vi } from 'vitest'
import * as Y from 'yjs'
import type { Trace } from '../bench/trace.ts'
import { readTrace } from '../bench/trace-file.ts'
import { DurableStreamsProvider } from '../provider/index.ts'
import { test } from './openings.ts'
import { Window } from './window.ts'

const patience = { timeout: 60_000, interval: 100 }
/** Another recording than the one that is here, such as the long one that test/traces/README.md names. */
const recording =
  process.env['TRACE'] ??
  fileURLToPath(new URL('../test/traces/seq-friendsforever_flat.json.gz', import.meta.url))

/** Leaves in the page how many milliseconds after its start a frame with text in the editor was painted. */
const tellFirstText = (): void => {
  const look = () => {
    const text = document.querySelector('[data-testid=editor] p:not(.is-editor-empty)')?.textContent ?? ''
    if (text === '') return requestAnimationFrame(look)
    return requestAnimationFrame(() => {
      document.documentElement.dataset['firstTextMs'] = String(Math.round(performance.now()))
    })
  }
  requestAnimationFrame(look)
}

/** All edits of a recording, one transaction each, in one paragraph of the demo's document. */
const play = (doc: Y.Doc, { transactions }: Trace): void => {
  const text = new Y.XmlText()
  const paragraph = new Y.XmlElement('paragraph')
  paragraph.insert(0, [text])
  doc.getXmlFragment('default').insert(0, [paragraph])
  for (const { patches } of transactions) {
    doc.transact(() => {
      for (const [position, deleted, inserted] of patches) {
        text.delete(position, deleted)
        text.insert(position, inserted)
      }
    })
  }
}

const say = (text: string): void => {
  if (process.env['FIGURES'] !== undefined) process.stdout.write(`${text}\n`)
}

test('a reload of a long document downloads only the one edit that somebody else made meanwhile', async ({
  profile,
  service,
  proxy,
}) => {
  await profile.addInitScript(tellFirstText)
  const trace = await readTrace(recording)
  const doc = new Y.Doc()
  play(doc, trace)
  const writer = new DurableStreamsProvider(doc, { url: `${service.url}/v1/yjs/default`, name: 'long' })
  await writer.whenSaved()

  const ada = await Window.openIn(profile, `${proxy.url}/long`, 'Ada')
  await vi.waitFor(async () => expect((await ada.text()).length).toBe(trace.endContent.length), patience)
  await ada.says('all changes saved')
  const firstVisit = proxy.exchanges.length
  const inFull = proxy.exchanges.filter(isOfLog).reduce((sum, { bytes }) => sum + bytes, 0)
  await ada.page.goto('about:blank')

  const paragraph = new Y.XmlElement('paragraph')
  paragraph.insert(0, [new Y.XmlText('Somebody else was here.')])
  doc.getXmlFragment('default').push([paragraph])
  await writer.whenSaved()

  await ada.page.goto(`${proxy.url}/long`)
  await vi.waitFor(async () => expect(await ada.text()).toMatch(/Somebody else was here\.$/), patience)
  await ada.says('all changes saved')
  const reads = proxy.exchanges.slice(firstVisit).filter(isOfLog)
  const bytes = reads.reduce((sum, exchange) => sum + exchange.bytes, 0)
  say(`${trace.patchCount} edits: ${inFull} bytes at first, ${bytes} on reload in ${reads.length} answers`)
  say(`first text after ${await ada.page.locator('html').getAttribute('data-first-text-ms')} ms`)
  expect(bytes).toBeLessThan(2_048)
  expect(reads.filter(({ line }) => line.includes('snapshot'))).toEqual([])
  expect(inFull).toBeGreaterThan(10 * 2_048)
  expect(ada.errors).toEqual([])
  writer.destroy()
}, 180_000)

/** Under /v1, without presence. */
const isOfLog = ({ line }: { readonly line: string }): boolean =>
  line.includes(' /v1/') && !line.includes('awareness=')
