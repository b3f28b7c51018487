import type { Env } from './env.ts'

/** A random UUID (RFC 9562, version 4). */
export const uuid = ({ random }: Pick<Env, 'random'>): string => {
  const digit = (most: number, least = 0) => (least + Math.floor(random() * (most - least))).toString(16)
  return 'xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'.replace(/[xy]/g, place =>
    place === 'x' ? digit(16) : digit(12, 8),
  )
}
