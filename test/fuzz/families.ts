import type { Arena } from './arena.ts'
import { abandoned } from './families/abandoned.ts'
import { headers } from './families/headers.ts'
import { offsets } from './families/offsets.ts'
import { presence } from './families/presence.ts'
import { programs } from './families/programs.ts'
import { targets } from './families/targets.ts'
import { updates } from './families/updates.ts'
import { wires } from './families/wires.ts'
import type { Lives } from './lives.ts'

export type Execution = (arena: Arena) => Promise<void>

/** How often each family has its turn. */
export const weights = {
  updates: 30,
  presence: 8,
  headers: 16,
  targets: 16,
  offsets: 10,
  wires: 16,
  programs: 14,
  abandoned: 4,
} as const
export type Family = keyof typeof weights

export const families = (lives: Lives): Readonly<Record<Family, Execution>> => ({
  updates: updates(lives),
  presence,
  headers,
  targets,
  offsets: offsets(lives),
  wires,
  programs,
  abandoned,
})
