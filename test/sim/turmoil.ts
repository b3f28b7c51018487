import { logStream } from '../../server/yjs/names.ts'
import { act } from './acts.ts'
import type { SimulatedBrowser } from './browser.ts'
import type { Chance } from './chance.ts'
import { document } from './plan.ts'
import type { Stage } from './stage.ts'
import { type WeatherName, weathers } from './weather.ts'

/** Between half and half again of a mean. */
const around = (chance: Chance, mean: number): number => chance.whole(mean / 2, mean * 1.5)

/** The time of troubles: people edit, come and go, and everything that can break does. Then it heals. */
export const turmoil = async (stage: Stage): Promise<void> => {
  const troubles = new Troubles(stage, stage.chance.fork())
  troubles.begin()
  await stage.pass(stage.plan.turmoilMs)
  troubles.end()
}

class Troubles {
  readonly #stage: Stage
  readonly #chance: Chance
  #over = false
  /** Whether somebody may go for ever; at most one does. */
  #mayVanish: boolean

  constructor(stage: Stage, chance: Chance) {
    this.#stage = stage
    this.#chance = chance
    this.#mayVanish = chance.happens(0.3)
  }

  begin(): void {
    const { clock, plan, server } = this.#stage
    server.start()
    for (const browser of plan.browsers) {
      const chance = this.#chance.fork()
      clock.after(browser.startMs, () => this.#live(this.#stage.open(browser), chance))
    }
    const { misfortuneMs } = plan
    if (misfortuneMs !== undefined) this.#misfortunes(misfortuneMs, this.#chance.fork())
  }

  end(): void {
    this.#over = true
    const { server, browsers, trace } = this.#stage
    trace.note('all', 'heals')
    if (!server.isSettled) server.crash()
    server.start()
    for (const browser of browsers) if (!browser.isGone) browser.heal()
  }

  #live(browser: SimulatedBrowser, chance: Chance): void {
    const next = () =>
      this.#stage.clock.after(around(chance, this.#stage.plan.paceMs), () => {
        if (this.#over || browser.isGone) return
        this.#happen(browser, chance)
        next()
      })
    next()
  }

  #happen(browser: SimulatedBrowser, chance: Chance): void {
    if (this.#mayVanish && this.#stage.browsers.length > 2 && chance.happens(0.01)) {
      this.#mayVanish = false
      browser.vanish()
      return
    }
    const inUse = browser.tabs.filter(({ isInUse }) => isInUse)
    const client = inUse[chance.whole(0, Math.max(0, inUse.length - 1))]
    if (client) act(client, browser, chance)
    else if (browser.present.length === 0 && browser.isOn) browser.open()
  }

  #misfortunes(meanMs: number, chance: Chance): void {
    const { clock } = this.#stage
    const next = () =>
      clock.after(around(chance, meanMs), () => {
        if (this.#over) return
        this.#strike(chance)
        next()
      })
    next()
  }

  #strike(chance: Chance): void {
    const { browsers, plan } = this.#stage
    const browser = browsers[chance.whole(0, Math.max(0, browsers.length - 1))]
    const strike = chance.weighted({
      weather: 6,
      everywhere: 1,
      part: 3,
      crash: 2,
      drain: 1,
      overlap: plan.overlaps ? 2 : 0,
      forget: plan.forgets ? 2 : 0,
      expire: browser?.plan.signedIn ? 1 : 0,
      demote: browser?.plan.signedIn ? 1 : 0,
    })
    if (browser) strikes[strike](this.#stage, browser, chance)
  }
}

const weatherNames = Object.keys(weathers) as [WeatherName, ...WeatherName[]]

/** What breaks next, and whom it hits. */
const strikes = {
  weather: (_stage: Stage, browser: SimulatedBrowser, chance: Chance) => {
    const name = chance.oneOf(weatherNames)
    browser.note(`has ${name} weather`)
    browser.line.weather = weathers[name]
  },
  everywhere: ({ browsers, trace }: Stage, _browser: SimulatedBrowser, chance: Chance) => {
    const name = chance.oneOf(weatherNames)
    trace.note('all', `have ${name} weather`)
    for (const { line } of browsers) line.weather = weathers[name]
  },
  part: (_stage: Stage, browser: SimulatedBrowser, chance: Chance) => {
    const ms = chance.whole(100, chance.oneOf([3_000, 20_000, 70_000]))
    browser.note(`is cut off for ${ms} ms`)
    browser.line.part(ms)
  },
  crash: ({ server, clock }: Stage, _browser: SimulatedBrowser, chance: Chance) => {
    server.crash()
    const ms = chance.whole(0, chance.oneOf([0, 1_000, 10_000]))
    clock.after(ms, () => server.start())
  },
  drain: ({ server }: Stage) => server.drain(() => server.start()),
  overlap: ({ server }: Stage, _browser: SimulatedBrowser, chance: Chance) =>
    server.overlap(chance.whole(100, 15_000)),
  forget: ({ server, disk, clock, trace }: Stage) => {
    server.crash()
    trace.note('disk', 'forgets who wrote')
    void disk.forgetProducers(logStream(document))
    clock.after(100, () => server.start())
  },
  expire: (_stage: Stage, browser: SimulatedBrowser) => browser.expire(),
  demote: (_stage: Stage, browser: SimulatedBrowser, chance: Chance) =>
    browser.demote(chance.whole(1_000, 10_000)),
}
