import { simulate } from './simulation.ts'

/** What a process answers to a seed. */
export interface Verdict {
  /** What went wrong first. */
  readonly failure: string | undefined
  /** Of the whole process, so far. */
  readonly peakBytes: number
}

/** A process that runs the seeds it is sent, one after another. */
process.on('message', (seed: number) => {
  void simulate(seed).then(({ failure }) => {
    const verdict: Verdict = { failure, peakBytes: process.resourceUsage().maxRSS * 1_024 }
    process.send?.(verdict)
  })
})
process.once('disconnect', () => process.exit())
