import { automatic } from '../../client/index.ts'
import { Live } from '../../protocol/index.ts'
import type { BrowserPlan } from './browser.ts'
import type { Chance } from './chance.ts'
import type { ServerPlan } from './server.ts'

/** Everything about a run that is fixed before it begins. */
export interface Plan {
  readonly server: ServerPlan
  readonly browsers: readonly BrowserPlan[]
  /** How long people edit and things break. */
  readonly turmoilMs: number
  /** The mean time between two things that happen in a browser. */
  readonly paceMs: number
  /** The mean time between two changes of fortune; none when undefined. */
  readonly misfortuneMs: number | undefined
  /** Whether a second server may run over the same disk for a while. */
  readonly overlaps: boolean
  /** Whether the server may forget who wrote what. */
  readonly forgets: boolean
}

export const document = { service: 'sim', path: 'doc' } as const

const names = ['ada', 'bob', 'cleo', 'dan'] as const

export const drawPlan = (chance: Chance): Plan => {
  const turmoilMs = chance.whole(4_000, 30_000)
  const present = chance.happens(0.5)
  const tabbed = chance.happens(0.5)
  const signedIn = chance.happens(0.3)
  const count = chance.whole(2, tabbed ? 3 : names.length)
  return {
    server: drawServer(chance),
    browsers: names.slice(0, count).map((name, index) => {
      const buffers = chance.happens(0.05)
      const tabs = tabbed && chance.happens(0.7) ? chance.whole(1, 3) : 1
      return {
        name,
        startMs: index > 0 && chance.happens(0.4) ? chance.whole(0, turmoilMs) : chance.whole(0, 200),
        tabs,
        mostTabs: tabs === 1 && chance.happens(0.5) ? 1 : 3,
        live: buffers ? automatic : chance.oneOf([Live.sse, Live.sse, Live.longPoll, automatic, automatic]),
        presence: present && chance.happens(0.9),
        begins: chance.oneOf(['empty', 'empty', 'content', 'offline']),
        reaction: chance.oneOf([
          'none',
          'none',
          'observer',
          'borrowedOrigin',
          'afterTransaction',
          'echo',
          'throwing',
        ]),
        skewMs: chance.oneOf([0, 0, -3_600_000, 86_400_000]),
        offline: chance.happens(0.5),
        shelf: chance.oneOf([
          { readMs: 2, writeMs: 2, mostUpdates: 20 },
          { readMs: 50, writeMs: 10, mostUpdates: 100 },
          { readMs: 2_000, writeMs: 500, mostUpdates: 20 },
        ]),
        shares: chance.happens(0.9),
        has: chance.oneOf(['everything', 'everything', 'everything', 'everything', 'no locks', 'no channel']),
        buffers,
        signedIn,
      }
    }),
    turmoilMs,
    paceMs: chance.oneOf([400, 1_000, 2_000]),
    misfortuneMs: chance.happens(0.95) ? chance.oneOf([500, 2_000, 6_000]) : undefined,
    overlaps: chance.happens(0.3),
    forgets: chance.happens(0.1),
  }
}

const drawServer = (chance: Chance): ServerPlan => {
  const trims = chance.happens(0.4)
  return {
    document,
    disk: chance.oneOf([
      { readMs: 0, writeMs: 2 },
      { readMs: 2, writeMs: 10 },
      { readMs: 20, writeMs: 200 },
    ]),
    limits: {
      readBytes: chance.oneOf([100, 1_000, 1 << 20]),
      backlogBytes: chance.oneOf([200, 200, 2_000, 64 << 10]),
      stallMs: chance.oneOf([1_000, 30_000]),
      // Enough for everybody, not for everybody and those they left behind.
      readersPerStream: chance.oneOf([12, 10_000]),
      awarenessBytes: chance.oneOf([400, 256 << 10]),
      longPollMs: chance.oneOf([5_000, 25_000]),
      // The longest outlives every limit of the simulation: nothing missed is mended by coming back.
      sseMs: chance.oneOf([3_000, 60_000, 3_600_000, 3_600_000]),
    },
    compactBytes: chance.oneOf([200, 400, 2_000]),
    compactMs: chance.oneOf([0, 50, 3_000]),
    // Above the 5 s for which a redirect to a snapshot may be remembered, where the log is trimmed.
    graceMs: trims ? chance.whole(6_000, 12_000) : chance.whole(100, 10_000),
    trims,
  }
}
