import { fileURLToPath } from 'node:url'
import { defaultClientConditions, defineConfig } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: here('.'),
  resolve: { conditions: ['durable-streams-yjs:source', ...defaultClientConditions] },
  build: {
    outDir: here('../dist/site'),
    emptyOutDir: true,
    target: 'baseline-widely-available',
    // One editor is one download; splitting it would only add round trips.
    chunkSizeWarningLimit: 1_000,
  },
})
