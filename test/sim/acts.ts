import type { SimulatedBrowser } from './browser.ts'
import type { Chance } from './chance.ts'
import type { SimulatedClient } from './client.ts'
import { edit, editTogether, roots } from './edits.ts'

/** What a person, or the tab around her, does next, and how often. */
const likely = {
  edit: 30,
  together: 8,
  burst: 4,
  flood: 0.05,
  connect: 8,
  disconnect: 4,
  flicker: 2,
  editAndLeave: 2,
  wait: 4,
  show: 4,
  hide: 2,
  online: 1,
  clock: 0.5,
  openTab: 2,
  duplicateTab: 1,
  closeTab: 1,
  leaveTab: 1,
  crashTab: 1,
  editAndCrash: 1,
  freezeTab: 2,
  reload: 3,
  sleep: 0.7,
  restartDevice: 0.4,
  evict: 0.4,
  corrupt: 0.4,
  fill: 0.3,
}

type Act = (client: SimulatedClient, browser: SimulatedBrowser, chance: Chance) => void

export const act = (client: SimulatedClient, browser: SimulatedBrowser, chance: Chance): void => {
  const { mostTabs, offline } = browser.plan
  const roomForTabs = browser.present.length < mostTabs
  const name = chance.weighted({
    ...likely,
    ...(!roomForTabs && { openTab: 0, duplicateTab: 0 }),
    ...(mostTabs === 1 && !offline && { closeTab: 0, leaveTab: 0, crashTab: 0, editAndCrash: 0, reload: 0 }),
    ...(!offline && { restartDevice: 0, evict: 0, corrupt: 0, fill: 0 }),
  })
  acts[name](client, browser, chance)
}

const acts: Record<keyof typeof likely, Act> = {
  edit: (client, _browser, chance) => client.note(`edits: ${edit(client.doc, chance)}`),
  together: (client, _browser, chance) => {
    client.note('edits several places at once')
    editTogether(client.doc, chance, chance.whole(2, 6))
  },
  burst: (client, _browser, chance) => {
    const count = chance.oneOf([10, 30, 150])
    client.note(`edits ${count} times`)
    for (let left = count; left > 0; left--) edit(client.doc, chance)
  },
  flood: (client, _browser, chance) => {
    client.note('types a book')
    const { text } = roots(client.doc)
    for (let left = 4_200; left > 0; left--) text.insert(text.length, chance.word(1, 1))
  },
  connect: client => client.connect(),
  disconnect: client => client.disconnect(),
  flicker: client => {
    client.disconnect()
    client.connect()
  },
  editAndLeave: (client, _browser, chance) => {
    client.note(`edits: ${edit(client.doc, chance)}`)
    client.disconnect()
  },
  wait: (client, _browser, chance) => client.wait(chance.oneOf(['saved', 'synced', 'loaded'])),
  show: client => client.showState(),
  hide: (client, _browser, chance) => client.hide(chance.whole(10, chance.oneOf([1_000, 20_000]))),
  online: client => client.page.online(),
  clock: (_client, browser, chance) => browser.setClock(chance.oneOf([0, -7_200_000, 7_200_000])),
  openTab: (_client, browser) => void browser.open(),
  duplicateTab: (client, browser) => void browser.open({ like: client }),
  closeTab: client => client.close(),
  leaveTab: client => client.leave(),
  crashTab: (client, browser) => browser.crash(client),
  editAndCrash: (client, browser, chance) => {
    client.note(`edits: ${edit(client.doc, chance)}`)
    browser.crash(client)
  },
  freezeTab: (client, browser, chance) =>
    browser.freeze(client, chance.whole(10, chance.oneOf([1_000, 30_000]))),
  reload: (client, browser, chance) => {
    client.note(`edits: ${edit(client.doc, chance)}`)
    // By then the edit is perhaps stored, or on its way, or at the server.
    client.life.after(chance.whole(0, 100), () => {
      if (!client.isInUse) return
      if (chance.happens(0.5)) client.leave()
      else browser.crash(client)
      browser.open({ like: client })
    })
  },
  sleep: (_client, browser, chance) =>
    browser.sleep(
      chance.whole(100, chance.oneOf([5_000, 60_000])),
      chance.oneOf([0, 3_600_000, 259_200_000]),
    ),
  restartDevice: (_client, browser, chance) => {
    browser.kill()
    browser.restart(chance.whole(1_000, 10_000))
  },
  evict: (_client, browser) => browser.evict(),
  corrupt: (_client, browser) => browser.corrupt(),
  fill: (_client, browser, chance) => browser.fill(chance.whole(100, 10_000)),
}
