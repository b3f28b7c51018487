import fc from 'fast-check'

/**
 * Where every property of these tests starts. `PROPERTY_SEED=7 npx vitest run test/protocol` tries others; a failure
 * names its seed and path.
 */
export const seed = Number(process.env['PROPERTY_SEED'] ?? 20_260_214)

/** Checks a property on `runs` cases, the same ones each time. */
export const check = <T>(property: fc.IProperty<T>, runs = 100): void =>
  fc.assert(property, { seed, numRuns: runs })
