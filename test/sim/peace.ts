import * as Y from 'yjs'
import { ContentType, encodeFrames } from '../../protocol/index.ts'
import type { Chance } from './chance.ts'
import { checkDocuments, checkPresence, checkServer, checkShelf, checkTabs, difference } from './checks.ts'
import { edit, small } from './edits.ts'
import { documentUrl, type Stage } from './stage.ts'

/** What must hold once the weather is fair. Each step is given the stage as the one before left it. */

/** Presence is renewed every 15 s and times out after 30; a link that fell silent is given up after 45. */
const presenceMs = 60_000
/** In fair weather: some round trips and some slow reads from the disk. */
const promptMs = 5_000
const paceMs = 2_000
/** Where event streams are held back, until a tab that connects for the first time has found that out. */
const heldBackMs = 15_000
const rounds = 6

/** Everybody has the same document, and so has the log, the server, and whoever joins now. */
export const compare = async (stage: Stage): Promise<void> => {
  for (const client of stage.clients) client.answers = false
  const { server, journal, present, browsers } = stage
  stage.check('all', checkDocuments(browsers, journal))
  const wrong = await eventually(stage, () =>
    server.current
      ? checkServer(server.current, documentUrl, journal)
      : Promise.resolve('there is no server any more'),
  )
  stage.check('server', wrong)
  for (const { plan, waits } of present) {
    if (waits > 0) stage.trace.fail(plan.name, `${waits} promises of being saved or synced are still open`)
  }
}

/** What `work` comes to, in the stage's own time. */
const eventually = async <T>(stage: Stage, work: () => Promise<T>): Promise<T | string> => {
  let result: { readonly value: T | string } | undefined
  work().then(
    value => {
      result = { value }
    },
    error => {
      result = { value: String(error) }
    },
  )
  await stage.pass(10 * promptMs, () => result !== undefined)
  return result ? result.value : 'no answer'
}

/** Each browser that shares has one leader, all tabs know each other, and one link is open for each stream. */
export const settle = async (stage: Stage): Promise<void> => {
  for (const browser of stage.browsers) {
    const wrong = () => checkTabs(browser)
    if (!(await stage.pass(presenceMs, () => wrong() === undefined))) stage.check(browser.plan.name, wrong())
  }
}

/** What is kept in a browser is opened again: nothing is missing, nothing sent twice, and only news is read. */
export const revisit = async (stage: Stage): Promise<void> => {
  const { browsers, journal, plan, trace, chance } = stage
  await stage.pass(promptMs)
  const kept = browsers.filter(browser => browser.plan.offline && !browser.isGone)
  const fork = chance.fork()
  for (const browser of kept) {
    stage.check(browser.plan.name, checkShelf(browser, journal))
    const isKnown = journal.covers(browser.shelf.held)
    const { hasPlace } = browser.shelf
    const bytes = journal.bytes
    for (const tab of browser.present) {
      if (fork.happens(0.3)) tab.close()
      else if (fork.happens(0.5)) tab.leave()
      else browser.crash(tab)
    }
    await stage.pass(promptMs)
    const tab = browser.open({ reaction: 'none' })
    await stage.converge('after a visit to what is kept')
    await stage.pass(promptMs)
    if (!isKnown) continue
    const sent = [tab.desk.documentPosts, journal.bytes - bytes]
    if (sent.some(count => count > 0))
      trace.fail(tab.plan.name, `had nothing new, and sent ${sent[0]} requests, ${sent[1]} bytes`)
    if (hasPlace && !plan.server.trims && tab.desk.wholeReads > 0)
      trace.fail(tab.plan.name, 'read the whole document although it had kept it')
  }
  for (const { plan, shelf } of kept) {
    if (!journal.covers(shelf.held))
      trace.fail(plan.name, `keeps what the log lacks: ${journal.held.lacking(shelf.held)}`)
  }
}

/** Everybody sees everybody; who leaves is gone at once, and who comes back sees all and is seen at once. */
export const meet = async (stage: Stage): Promise<void> => {
  await expectPresence(stage, presenceMs, 'after the turmoil')
  await stage.pass(presenceMs)
  const [first, ...others] = stage.present.filter(({ awareness }) => awareness)
  if (!first || others.length === 0) return
  first.disconnect()
  await expectPresence(stage, promptMs, `after ${first.plan.name} left`, others)
  first.connect()
  await expectPresence(stage, promptMs, `after ${first.plan.name} came back`)
}

const expectPresence = async (stage: Stage, ms: number, when: string, who = stage.present): Promise<void> => {
  if (await stage.pass(ms, () => checkPresence(who) === undefined)) return
  stage.check('all', `${when}: ${checkPresence(who)}`)
}

/** Coming back with nothing new sends nothing. */
export const comeBack = async (stage: Stage): Promise<void> => {
  const { journal, clients, present } = stage
  const bytes = journal.bytes
  const posts = () => clients.reduce((sum, { desk }) => sum + desk.documentPosts, 0)
  const sent = posts()
  for (const client of present) client.disconnect()
  await stage.pass(promptMs)
  for (const client of present) client.connect()
  await stage.converge('after coming back')
  await stage.pass(promptMs)
  if (posts() === sent && journal.bytes === bytes) return
  const what = `${posts() - sent} requests, ${journal.bytes - bytes} bytes`
  stage.trace.fail('all', `coming back with nothing new sent ${what}`)
}

/** An edit that the provider was not told of is found when it connects: state is compared with state. */
export const reconcile = async (stage: Stage): Promise<void> => {
  const chance = stage.chance.fork()
  // What its browser keeps does not hear of it either, and says so of nothing that comes after.
  const able = stage.present.filter(({ plan }) => !plan.offline)
  const client = able[chance.whole(0, Math.max(0, able.length - 1))]
  if (!client) return
  client.editUnheard(chance)
  client.disconnect()
  client.connect()
  await stage.converge('after an edit nobody heard of')
}

/** An edit is everywhere soon, also with those who connect while it is being made. */
export const keepPace = async (stage: Stage): Promise<void> => {
  const chance = stage.chance.fork()
  for (let round = 0; round < rounds && !stage.failed; round++) {
    await stage.pass(promptMs)
    await chance.oneOf([editTogether, editTogether, joinAlone])(stage, chance)
    for (const client of stage.present) client.connect()
    await stage.converge('at once', paceOf(stage))
  }
}

const paceOf = ({ browsers }: Stage): number =>
  browsers.some(({ plan }) => plan.buffers) ? heldBackMs : paceMs

/** One edits while others come and go. */
const editTogether = async (stage: Stage, chance: Chance): Promise<void> => {
  const { present, clock } = stage
  const writer = present[chance.whole(0, present.length - 1)]
  const spread = chance.oneOf([30, 100, 300])
  for (const client of present) {
    if (client === writer) continue
    if (chance.happens(0.5)) client.disconnect()
    clock.after(chance.whole(0, spread), () => client.connect())
  }
  await stage.pass(chance.whole(0, spread))
  writer?.note(`edits: ${edit(writer.doc, chance, small)}`)
  await stage.pass(spread)
}

/** One comes, to an empty room, while somebody appends who does not read. */
const joinAlone = async (stage: Stage, chance: Chance): Promise<void> => {
  const { present, clock, trace } = stage
  for (const client of present) client.disconnect()
  await stage.pass(promptMs)
  const alone = present[chance.whole(0, present.length - 1)]
  clock.after(chance.whole(0, 50), () => alone?.connect())
  await stage.pass(chance.whole(0, 50))
  await append(stage, chance)
  const isThere = () => alone === undefined || (alone.knowsAll && alone.provider.synced)
  if (!(await stage.pass(paceOf(stage), isThere)))
    trace.fail(`${alone?.plan.name}`, 'missed what came as it connected')
}

const append = async (stage: Stage, chance: Chance): Promise<void> => {
  const { journal, server, trace } = stage
  const doc = new Y.Doc()
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(journal.replay()))
  const before = Y.encodeStateVector(doc)
  doc.clientID = chance.whole(1, 2 ** 31)
  doc.getText('text').insert(0, chance.word(1, 5))
  trace.note('robot', 'appends')
  const request = new Request(documentUrl, {
    method: 'POST',
    headers: { 'Content-Type': ContentType.binary },
    body: encodeFrames([Y.encodeStateAsUpdate(doc, before)]) as Uint8Array<ArrayBuffer>,
  })
  await eventually(stage, async () => server.current?.handle(request))
}

/** A newcomer gets everything and sends nothing. */
export const join = async (stage: Stage): Promise<void> => {
  const { journal, plan, trace } = stage
  const bytes = journal.bytes
  const [like] = plan.browsers
  if (!like) return
  const single = { tabs: 1, mostTabs: 1, begins: 'empty', reaction: 'none' } as const
  const [joiner] = stage.open({ ...like, ...single, name: 'eve', startMs: 0 }).tabs
  if (!joiner) return
  await stage.converge('with a newcomer')
  const wrong = difference(joiner.doc, journal.replay())
  stage.check('eve', wrong && `and the whole log: ${wrong}`)
  await stage.pass(promptMs)
  if (journal.bytes !== bytes) trace.fail('eve', 'sent something although she brought nothing')
}

/** When all have gone, nothing of them is left, here or at the server. */
export const leave = async (stage: Stage): Promise<void> => {
  const { browsers, clients, server, trace } = stage
  for (const client of stage.present) client.close()
  await stage.pass(2 * presenceMs)
  for (const { plan, desk, life } of clients) {
    if (life.over) continue
    if (desk.open > 0) trace.fail(plan.name, `left ${desk.open} requests open`)
    if (life.pending > 0) trace.fail(plan.name, `left ${life.pending} timers`)
  }
  for (const browser of browsers) stage.check(browser.plan.name, browser.leftover)
  if (server.readers > 0) trace.fail('server', `${server.readers} readers are left`)
  server.crash()
}
