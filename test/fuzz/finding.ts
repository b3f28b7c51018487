/** What must hold whatever is sent. Every finding names the rule it breaks. */
export const rules = {
  Z1: 'every request is answered, or its connection ended, in time',
  Z2: 'every answer is well-formed HTTP/1.1',
  Z3: 'no answer is a 5xx, but a documented 503 or 507',
  Z4: 'every answer forbids sniffing its type',
  Z5: 'every refusal is JSON with a known code and a message',
  Z6: 'what was acknowledged reads back once, in order, and nothing else does',
  Z7: 'what was accepted into a document, Yjs reads without throwing and without waiting for more',
  Z8: 'whoever has read a document can write to it, and take all of it to a new one',
  Z9: 'a snapshot and what follows it hold what the log held',
  Z10: 'the process lives and logs no error',
  Z11: 'other clients are served in time, with everything, once',
  Z12: 'memory is flat, and no connection outlives its client',
  Z13: 'a step that the protocol allows is taken, one that it forbids is refused',
} as const
export type Rule = keyof typeof rules

/** Thrown by whatever sees a rule broken. */
export class Finding extends Error {
  override readonly name = 'Finding'
  readonly rule: Rule

  constructor(rule: Rule, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.rule = rule
  }

  /** Equal for what is probably one cause: numbers and quotations differ from case to case. */
  get signature(): string {
    return `${this.rule} ${this.message
      .split('\n', 1)[0]
      ?.replace(/\d+/g, 'N')
      .replace(/"[^"]*"/g, '"…"')}`
  }
}
