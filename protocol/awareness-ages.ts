/** How long ago each frame of a roster was heard: whole seconds rounded down, one for each frame in its order, `0, 3, 17`. */
export const formatAges = (seconds: readonly number[]): string => seconds.join(', ')

/** @returns the seconds of each frame; undefined unless the value has exactly one for each of so many */
export const parseAges = (value: string | null, frames: number): readonly number[] | undefined => {
  const ages = value?.split(',').map(age => age.trim()) ?? []
  return ages.length === frames && ages.every(age => /^\d{1,9}$/.test(age)) ? ages.map(Number) : undefined
}
