import fc from 'fast-check'

/**
 * Of all that tests draw by chance as properties, so that the same code gives the same answer. `SEED=7 npx vitest run test/protocol`
 * tries other cases; a failure names its seed and path.
 */
export const seed = Number(process.env['SEED'] ?? 1)

fc.configureGlobal({ seed })
