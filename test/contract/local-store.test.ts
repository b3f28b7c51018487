import { test } from 'vitest'
import { openIndexedDb } from '../../provider/local/indexeddb.ts'
import { corrupt, count, evict } from '../local/fake-browser.ts'
import { localStoreContract } from './local-store.ts'

for (const { name, run } of localStoreContract({ open: openIndexedDb, breakIt: evict, corrupt, count })) {
  test(`IndexedDB: ${name}`, run)
}
