import { Chance } from './chance.ts'
import { comeBack, compare, join, keepPace, leave, meet, reconcile, revisit, settle } from './peace.ts'
import { drawPlan } from './plan.ts'
import { Stage } from './stage.ts'
import { turmoil } from './turmoil.ts'

export interface Outcome {
  /** What went wrong first; undefined when nothing did. */
  readonly failure: string | undefined
  readonly trace: readonly string[]
  /** Updates in the log, snapshots made of it, and how often it was trimmed. */
  readonly frames: number
  readonly snapshots: number
  readonly trims: number
  /** Tabs there ever were, and how often one came to lead the others of its browser. */
  readonly tabs: number
  readonly reigns: number
}

const steps = [
  turmoil,
  (stage: Stage) => stage.converge('after the turmoil'),
  compare,
  settle,
  meet,
  comeBack,
  revisit,
  reconcile,
  keepPace,
  compare,
  join,
  leave,
]

/**
 * Runs one seed: a time of troubles, then peace and what must hold in it. The same seed gives the same trace, byte for
 * byte. `write` gets the trace line by line.
 */
export const simulate = async (seed: number, write?: (line: string) => void): Promise<Outcome> => {
  const chance = new Chance(seed)
  const plan = drawPlan(chance.fork())
  const stage = new Stage(plan, chance, write)
  stage.trace.note('plan', JSON.stringify(plan))
  try {
    for (const step of steps) if (!stage.failed) await step(stage)
  } catch (error) {
    stage.trace.fail('all', error instanceof Error ? `${error.stack}` : String(error))
  }
  const { trace, journal, server } = stage
  return {
    failure: trace.failure,
    trace: trace.lines,
    frames: journal.frames.length,
    snapshots: server.snapshots,
    trims: server.trims,
    tabs: stage.clients.length,
    reigns: stage.clients.reduce((sum, { reigns }) => sum + reigns, 0),
  }
}
