import { Arena, type Line, type Surroundings, type Tally } from './arena.ts'
import type { Choices } from './choices.ts'
import { Connections } from './connections.ts'
import { type Execution, type Family, families, weights } from './families.ts'
import { Finding } from './finding.ts'
import type { Lives } from './lives.ts'
import { bounds, Subject } from './subject.ts'
import type { YjsReader } from './yjs-reader.ts'

/** An execution that broke a rule. */
export interface Failure {
  readonly finding: Finding
  readonly family: Family | 'corpus'
  /** What it was made of; these make it again. */
  readonly choices: readonly number[]
  readonly lines: readonly Line[]
}

/** The family of an execution is its first choice, so that one index is one execution whichever others are left out. */
export const familyOf = (choices: Choices): Family => choices.weighted(weights)

export interface Opening extends Pick<Partial<Surroundings>, 'watch'> {
  readonly reader: YjsReader
  readonly lives: Lives
  /** Another built server than this checkout's. */
  readonly main?: string | undefined
}

/** A server, and executions against it. */
export class Session {
  readonly subject: Subject
  readonly tally: Tally = { answered: {}, slowestMs: 0 }
  readonly #around: Surroundings
  readonly #families: Readonly<Record<Family, Execution>>

  private constructor(subject: Subject, { reader, lives, watch = () => undefined }: Opening) {
    this.subject = subject
    this.#families = families(lives)
    const connections = new Connections(subject.port)
    this.#around = { connections, reader, tally: this.tally, watch, ...bounds }
  }

  static async open(opening: Opening): Promise<Session> {
    return new Session(await Subject.start(opening.main), opening)
  }

  /** @returns what went wrong, if anything did */
  execute(choices: Choices): Promise<Failure | undefined> {
    const family = familyOf(choices)
    return this.perform(choices, family, this.#families[family])
  }

  async perform(
    choices: Choices,
    family: Failure['family'],
    execution: Execution,
  ): Promise<Failure | undefined> {
    const arena = new Arena(choices, this.#around)
    try {
      await execution(arena)
      await arena.tidy()
      return undefined
    } catch (error) {
      const lines = [...arena.lines]
      await arena.tidy().catch(() => undefined)
      return { finding: asFinding(error), family, choices: choices.taken, lines }
    } finally {
      arena.end()
    }
  }

  /** Connections that are kept for later use, closed now. */
  rest(): void {
    this.#around.connections.close()
  }

  async close(): Promise<void> {
    this.rest()
    await this.subject.stop()
  }
}

const asFinding = (error: unknown): Finding => {
  if (error instanceof Finding) return error
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return new Finding('Z13', `the execution itself failed: ${text}`, { cause: error })
}
