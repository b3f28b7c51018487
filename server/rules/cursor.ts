/** PROTOCOL 10.1: intervals of 20 s since 9 October 2024. */
const epochMs = Date.UTC(2024, 9, 9)
const intervalMs = 20_000
const jitterSeconds = 3600

/** K1: the interval that `now` lies in. */
export const currentCursor = (now: number): number => Math.max(0, Math.floor((now - epochMs) / intervalMs))

/** K2: of what a client brings, a decimal number of at most 15 digits counts; anything else is as if it were absent. */
export const clientCursor = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return undefined
  return Number(text)
}

/**
 * PROTOCOL 10.1.
 * - K3 Never backwards, and strictly beyond a client's cursor that is not behind.
 * - K4 One further for every byte before `position`. Readers who get the same bytes then go on with the same cursor, and
 *   so with the same URL, whenever they came; a random step beyond what each brings would keep them apart for ever.
 */
export const nextCursor = (
  now: number,
  client: number | undefined,
  random: () => number,
  position = 0,
): string => {
  const current = currentCursor(now) + position
  if (client === undefined || client < current) return current.toString()
  const jitter = 1 + Math.floor(random() * jitterSeconds)
  return (client + Math.max(1, Math.ceil((jitter * 1000) / intervalMs))).toString()
}
