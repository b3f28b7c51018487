import { describe } from 'vitest'
import { concurrencyContract } from './concurrency.ts'
import { durabilityContract } from './durability.ts'
import { entriesContract } from './entries.ts'
import type { Open } from './fixture.ts'
import { listsContract } from './lists.ts'
import { recordsContract } from './records.ts'
import { togetherContract } from './together.ts'

/** One test or more for each numbered sentence of `server/store/store.ts`. Every engine passes them all. */
export const storeContract = (name: string, open: Open): void => {
  describe(`the ${name} store`, () => {
    entriesContract(open)
    recordsContract(open)
    listsContract(open)
    durabilityContract(open)
    concurrencyContract(open)
    togetherContract(open)
  })
}
