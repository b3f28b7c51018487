import { test } from 'vitest'
import type { Open, Opened } from './fixture.ts'

/** A test with a store of its own, disposed of afterwards. */
export const storeTest =
  (open: Open) =>
  (name: string, run: (opened: Opened) => Promise<void>, timeoutMs?: number): void => {
    test(
      name,
      async () => {
        const opened = await open()
        try {
          await run(opened)
        } finally {
          await opened.dispose()
        }
      },
      timeoutMs,
    )
  }
