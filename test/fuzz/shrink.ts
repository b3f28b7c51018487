import { Choices } from './choices.ts'
import { Finding } from './finding.ts'
import type { Failure, Session } from './session.ts'
import type { Subject } from './subject.ts'

/** What runs executions, and the process they are run against. */
export interface Performer extends Pick<Session, 'execute'> {
  readonly subject: Pick<Subject, 'complaints' | 'measure' | 'kill'>
}

/** Runs an execution with nothing beside it. What the process complains of meanwhile is its doing. */
export const alone = async (session: Performer, choices: Choices): Promise<Failure | undefined> => {
  const { subject } = session
  const before = subject.complaints.length
  const failure = await session.execute(choices)
  // What the process has to say is on its way when it answers this.
  const gone = await subject.measure(settleMs).then(
    () => undefined,
    (error: unknown) => error,
  )
  if (gone) await subject.kill()
  const message = subject.complaints.slice(before)[0] ?? (gone instanceof Finding ? gone.message : undefined)
  if (message === undefined) return failure
  const { family, lines } = failure ?? { family: 'updates', lines: [] }
  return { finding: new Finding('Z10', message), family, choices: choices.taken, lines }
}

const settleMs = 10_000

/** Ever plainer lists of choices: without a part of it, with zeros in place of a part, with smaller numbers. */
function* plainer(numbers: readonly number[]): Generator<number[]> {
  const { length } = numbers
  for (let cut = length >> 1; cut > 0; cut >>= 1) yield numbers.slice(0, length - cut)
  for (let size = Math.max(1, length >> 2); size > 0; size >>= 1) {
    // The first choice is the family.
    for (let at = length - size; at >= 1; at -= size) {
      yield numbers.toSpliced(at, size)
      if (numbers.slice(at, at + size).some(number => number > 0)) {
        yield numbers.map((number, index) => (index >= at && index < at + size ? 0 : number))
      }
    }
  }
  for (const [at, number] of numbers.entries()) {
    if (at === 0 || number === 0) continue
    yield numbers.with(at, number >> 1)
    yield numbers.with(at, number - 1)
  }
}

const trimmed = (numbers: readonly number[]): number[] =>
  numbers.slice(0, numbers.findLastIndex(number => number > 0) + 1)

/** The plainest execution found in `ms` that breaks the same rule. `session` is asked for anew when its server ended. */
export const shrink = async (
  first: Failure,
  session: () => Promise<Performer>,
  ms: number,
): Promise<Failure> => {
  const deadline = Date.now() + ms
  let best = first
  for (let better = true; better && Date.now() < deadline; ) {
    better = false
    const numbers = trimmed(best.choices)
    for (const candidate of plainer(numbers)) {
      if (Date.now() > deadline) break
      const failure = await alone(await session(), Choices.given(candidate))
      if (failure?.finding.signature !== first.finding.signature) continue
      const taken = trimmed(failure.choices)
      if (taken.length > numbers.length || (taken.length === numbers.length && sum(taken) >= sum(numbers)))
        continue
      best = { ...failure, choices: taken }
      better = true
      break
    }
  }
  return best
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
