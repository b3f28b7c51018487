import fc from 'fast-check'

/** Checks a property on `runs` cases, the same ones each time. */
export const check = <T>(property: fc.IProperty<T>, runs = 100): void =>
  fc.assert(property, { numRuns: runs })
