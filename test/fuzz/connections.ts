import { Wire } from './wire.ts'

const mostUses = 100
/** Well below the time after which the server ends a connection that asks for nothing. */
const mostIdleMs = 5_000

interface Used {
  uses: number
  at: number
}

/** Connections to the server, used again while they are in order: opening one for each request would use up the ports. */
export class Connections {
  readonly #port: number
  readonly #used = new Map<Wire, Used>()
  #idle: Wire[] = []

  constructor(port: number) {
    this.#port = port
  }

  async take(): Promise<Wire> {
    for (let wire = this.#idle.pop(); wire; wire = this.#idle.pop()) {
      const used = this.#used.get(wire)
      if (wire.isIdle && used && Date.now() - used.at < mostIdleMs) return wire
      this.drop(wire)
    }
    const wire = await Wire.open(this.#port)
    this.#used.set(wire, { uses: 0, at: Date.now() })
    return wire
  }

  /** Only for a connection on which every request was answered. */
  give(wire: Wire): void {
    const used = this.#used.get(wire)
    if (!used || !wire.isIdle || ++used.uses >= mostUses) this.drop(wire)
    else {
      used.at = Date.now()
      this.#idle.push(wire)
    }
  }

  drop(wire: Wire): void {
    this.#used.delete(wire)
    wire.drop()
  }

  close(): void {
    for (const wire of this.#used.keys()) wire.drop()
    this.#used.clear()
    this.#idle = []
  }
}
