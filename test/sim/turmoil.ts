import { logStream } from '../../server/yjs/names.ts'
import type { Chance } from './chance.ts'
import type { SimulatedClient } from './client.ts'
import { edit, editTogether, roots } from './edits.ts'
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
  #mayVanish: boolean

  constructor(stage: Stage, chance: Chance) {
    this.#stage = stage
    this.#chance = chance
    this.#mayVanish = chance.happens(0.3)
  }

  begin(): void {
    const { clock, plan, server } = this.#stage
    server.start()
    for (const client of plan.clients) {
      const chance = this.#chance.fork()
      clock.after(client.startMs, () => this.#live(this.#stage.open(client), chance))
    }
    const { misfortuneMs } = plan
    if (misfortuneMs !== undefined) this.#misfortunes(misfortuneMs, this.#chance.fork())
  }

  end(): void {
    this.#over = true
    const { server, present, trace } = this.#stage
    trace.note('all', 'heals')
    if (!server.isSettled) server.crash()
    server.start()
    for (const client of present) {
      client.line.heal()
      client.show()
      client.page.online()
      client.connect()
    }
  }

  #live(client: SimulatedClient, chance: Chance): void {
    const next = () =>
      this.#stage.clock.after(around(chance, this.#stage.plan.paceMs), () => {
        if (this.#over || !client.present) return
        if (!client.page.hidden) this.#act(client, chance)
        next()
      })
    next()
  }

  #act(client: SimulatedClient, chance: Chance): void {
    const mayVanish = this.#mayVanish && this.#stage.clients.length > 2
    const act = chance.weighted({ ...likely, vanish: mayVanish ? 0.5 : 0 })
    if (act === 'vanish') this.#mayVanish = false
    acts[act](client, chance)
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
    const { clients, plan } = this.#stage
    const client = clients[chance.whole(0, Math.max(0, clients.length - 1))]
    const strike = chance.weighted({
      weather: 6,
      everywhere: 1,
      part: 3,
      crash: 2,
      drain: 1,
      overlap: plan.overlaps ? 2 : 0,
      forget: plan.forgets ? 2 : 0,
    })
    if (client) strikes[strike](this.#stage, client, chance)
  }
}

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
}

/** What a person, or the tab around her, does next. */
const acts: Record<keyof typeof likely | 'vanish', (client: SimulatedClient, chance: Chance) => void> = {
  edit: (client, chance) => client.note(`edits: ${edit(client.doc, chance)}`),
  together: (client, chance) => {
    client.note('edits several places at once')
    editTogether(client.doc, chance, chance.whole(2, 6))
  },
  burst: (client, chance) => {
    const count = chance.oneOf([10, 30, 150])
    client.note(`edits ${count} times`)
    for (let left = count; left > 0; left--) edit(client.doc, chance)
  },
  flood: (client, chance) => {
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
  editAndLeave: (client, chance) => {
    client.note(`edits: ${edit(client.doc, chance)}`)
    client.disconnect()
  },
  wait: (client, chance) => client.wait(chance.oneOf(['saved', 'synced'])),
  show: client => client.showState(),
  hide: (client, chance) => client.hide(chance.whole(10, chance.oneOf([1_000, 20_000]))),
  online: client => client.page.online(),
  clock: (client, chance) => client.setClock(chance.oneOf([0, -7_200_000, 7_200_000])),
  vanish: (client, chance) => {
    if (chance.happens(0.5)) client.close()
    else client.kill()
  },
}

const weatherNames = Object.keys(weathers) as [WeatherName, ...WeatherName[]]

/** What breaks next, and whom it hits. */
const strikes = {
  weather: (_stage: Stage, client: SimulatedClient, chance: Chance) => {
    const name = chance.oneOf(weatherNames)
    client.note(`has ${name} weather`)
    client.line.weather = weathers[name]
  },
  everywhere: ({ clients, trace }: Stage, _client: SimulatedClient, chance: Chance) => {
    const name = chance.oneOf(weatherNames)
    trace.note('all', `have ${name} weather`)
    for (const { line } of clients) line.weather = weathers[name]
  },
  part: (_stage: Stage, client: SimulatedClient, chance: Chance) => {
    const ms = chance.whole(100, chance.oneOf([3_000, 20_000, 70_000]))
    client.note(`is cut off for ${ms} ms`)
    client.line.part(ms)
  },
  crash: ({ server, clock }: Stage, _client: SimulatedClient, chance: Chance) => {
    server.crash()
    const ms = chance.whole(0, chance.oneOf([0, 1_000, 10_000]))
    clock.after(ms, () => server.start())
  },
  drain: ({ server }: Stage) => server.drain(() => server.start()),
  overlap: ({ server }: Stage, _client: SimulatedClient, chance: Chance) =>
    server.overlap(chance.whole(100, 15_000)),
  forget: ({ server, disk, clock, trace }: Stage) => {
    server.crash()
    trace.note('disk', 'forgets who wrote')
    void disk.forgetProducers(logStream(document))
    clock.after(100, () => server.start())
  },
}
