import type { Chance } from './chance.ts'

/** How a network treats requests: times in milliseconds, the rest probabilities. */
export interface Weather {
  readonly latencyMs: readonly [least: number, most: number]
  /** The request never arrives. */
  readonly requestLost: number
  /** The server acts, the answer never arrives. */
  readonly answerLost: number
  /** Of what is lost: how often the client is told at once, by a reset, instead of waiting. */
  readonly reset: number
  /** A request that writes is delivered again later; the second answer counts if the first was lost. */
  readonly twice: number
  /** A proxy answers 502 or 503 in place of the server, before or after the server acted. */
  readonly gateway: number
  /** The body of an answer breaks off with an error. */
  readonly cut: number
  /** An event stream ends early as if it were whole. */
  readonly clipped: number
  /** A live answer falls silent for good, and nobody is told. */
  readonly frozen: number
}

const calm: Weather = {
  latencyMs: [1, 20],
  requestLost: 0,
  answerLost: 0,
  reset: 0,
  twice: 0,
  gateway: 0,
  cut: 0,
  clipped: 0,
  frozen: 0,
}

export const weathers = {
  calm,
  slow: { ...calm, latencyMs: [100, 3_000] },
  drizzle: {
    ...calm,
    latencyMs: [5, 200],
    requestLost: 0.05,
    answerLost: 0.08,
    reset: 0.7,
    twice: 0.08,
    gateway: 0.04,
    cut: 0.1,
    clipped: 0.1,
    frozen: 0.03,
  },
  storm: {
    latencyMs: [5, 2_000],
    requestLost: 0.2,
    answerLost: 0.25,
    reset: 0.6,
    twice: 0.3,
    gateway: 0.15,
    cut: 0.3,
    clipped: 0.25,
    frozen: 0.1,
  },
  /** What was asked is done, but hardly anybody hears of it. */
  deaf: { ...calm, answerLost: 0.7, reset: 0.8, twice: 0.2, gateway: 0.1 },
} satisfies Record<string, Weather>
export type WeatherName = keyof typeof weathers

/** What will become of one request. All of it is drawn before the request leaves. */
export interface Fate {
  readonly upMs: number
  readonly downMs: number
  readonly request: 'arrives' | 'reset' | 'vanishes'
  readonly answer: 'arrives' | 'reset' | 'vanishes'
  /** How long after the first delivery the second comes. */
  readonly againMs: number | undefined
  readonly gateway:
    | {
        readonly when: 'before' | 'after'
        readonly status: 502 | 503
        readonly retryAfter: string | undefined
      }
    | undefined
  /** What happens to the body once that many bytes of it have arrived. */
  readonly body: { readonly end: 'whole' | 'cut' | 'clipped' | 'frozen'; readonly after: number }
}

const lost = (chance: Chance, probability: number, reset: number): Fate['request'] => {
  const isLost = chance.happens(probability)
  const isReset = chance.happens(reset)
  return isLost ? (isReset ? 'reset' : 'vanishes') : 'arrives'
}

export const drawFate = (chance: Chance, weather: Weather): Fate => {
  const [least, most] = weather.latencyMs
  const roll = chance.real()
  const { cut, clipped, frozen } = weather
  const end =
    roll < cut ? 'cut' : roll < cut + clipped ? 'clipped' : roll < cut + clipped + frozen ? 'frozen' : 'whole'
  const gateway = chance.happens(weather.gateway)
  return {
    upMs: chance.whole(least, most),
    downMs: chance.whole(least, most),
    request: lost(chance, weather.requestLost, weather.reset),
    answer: lost(chance, weather.answerLost, weather.reset),
    againMs: chance.happens(weather.twice) ? chance.whole(0, chance.oneOf([10, 1_000, 20_000])) : undefined,
    gateway: gateway
      ? {
          when: chance.oneOf(['before', 'after']),
          status: chance.oneOf([502, 503]),
          retryAfter: chance.oneOf([undefined, '0', '1', '3']),
        }
      : undefined,
    body: { end, after: chance.whole(0, chance.oneOf([8, 200, 1_500])) },
  }
}
