import { answerWhenAwake, awakeName } from './awake.ts'
import { learn, welcomeOf } from './handshake.ts'
import type { Said, TabLink } from './message.ts'
import type { Stay } from './seat-parts.ts'

type Hello = Extract<Said, { kind: 'hello' }>

/** What a tab does while it leads: tells the others what the server says, and welcomes those that come. */
export class Leading {
  readonly #parts: Stay
  readonly #awake: { asked(): void }
  /** Of tabs that wait for a welcome, the latest one of each. */
  readonly #hellos = new Map<string, Hello>()
  #isOn = false
  #link: TabLink = 'connecting'

  constructor(parts: Stay) {
    const { locks, env, name, id, signal } = parts
    this.#parts = parts
    this.#awake = answerWhenAwake({
      locks,
      env,
      name: awakeName(name, id),
      signal,
      answer: () => this.#answer(),
    })
  }

  get isOn(): boolean {
    return this.#isOn
  }

  /** Leads for as long as `lead` works. @throws what it throws */
  async run(reign: AbortSignal, lead: (reign: AbortSignal) => Promise<void>): Promise<void> {
    const { id, lineage, roster, say, onCue, onTabs } = this.#parts
    this.#isOn = true
    this.#link = 'connecting'
    lineage.lead(id)
    onCue('lost')
    onCue('retry')
    say({ kind: 'lead' })
    roster.guard(reign)
    onTabs()
    try {
      await lead(reign)
    } finally {
      this.#isOn = false
    }
  }

  /** The leader's news. While this tab leaves it forgets whom it saw, which the others had better not hear. */
  tell(news: Said): void {
    if (this.#isOn && !this.#parts.signal.aborted) this.#parts.say(news)
  }

  setLink(link: TabLink): void {
    this.#link = link
    this.tell({ kind: 'link', link })
  }

  /** Answered once this tab is known to run: one that follows a frozen leader hears nothing more. */
  heardHello(from: string, hello: Hello): void {
    if (!this.#isOn) return
    this.#hellos.set(from, hello)
    this.#awake.asked()
  }

  heardGone(tab: string): void {
    this.#hellos.delete(tab)
  }

  heardTeach(lesson: Extract<Said, { kind: 'teach' }>): void {
    // Those who came before this was known here must hear of it.
    if (this.#isOn && learn(this.#parts, lesson)) this.#parts.say({ kind: 'lead' })
  }

  heardAsk(): void {
    if (this.#isOn) this.#awake.asked()
  }

  #answer(): void {
    const hellos = [...this.#hellos]
    this.#hellos.clear()
    if (!this.#isOn) return
    for (const [from, hello] of hellos) {
      try {
        this.#welcome(from, hello)
      } catch (cause) {
        this.#parts.onDefect(cause)
      }
    }
    this.#parts.say({ kind: 'here' })
  }

  #welcome(to: string, hello: Hello): void {
    const { id, nearby, roster, lineage, say, standing } = this.#parts
    const tabs = [...roster.others, { id, client: nearby?.client }]
    const { leaders } = lineage
    say(welcomeOf(this.#parts, hello, { to, link: this.#link, tabs, leaders }))
    say({ kind: 'standing', standing: standing() })
  }
}
