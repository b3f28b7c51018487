import { defineConfig } from 'vitest/config'

const conditions = ['durable-streams-yjs:source']
const resolve = { resolve: { conditions }, ssr: { resolve: { conditions } } }

export default defineConfig({
  test: {
    // By default one core is left idle, which is half of a small machine.
    maxWorkers: '100%',
    projects: [
      {
        ...resolve,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/conformance/**', 'test/fuzz/**', 'test/interop/**', 'test/process/**'],
          setupFiles: ['test/seeded.ts'],
          testTimeout: 30_000,
        },
      },
      {
        ...resolve,
        test: { name: 'conformance', include: ['test/conformance/*.test.ts'], testTimeout: 30_000 },
      },
      {
        ...resolve,
        test: {
          name: 'interop',
          include: ['test/interop/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        ...resolve,
        test: {
          name: 'process',
          include: ['test/process/*.test.ts', 'test/fuzz/*.test.ts'],
          testTimeout: 120_000,
        },
      },
      {
        ...resolve,
        test: { name: 'e2e', include: ['e2e/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
      },
    ],
  },
})
