import { Awareness, outdatedTimeout, removeAwarenessStates } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { Life } from './clock.ts'

interface Changes {
  readonly added: readonly number[]
  readonly updated: readonly number[]
}

/** An awareness whose renewals and time-outs go by the simulation's clock instead of the wall's. */
export class ClockedAwareness extends Awareness {
  readonly #life: Life
  readonly #heard = new Map<number, number>()
  #cancel: () => void = () => undefined

  constructor(doc: Y.Doc, life: Life) {
    super(doc)
    clearInterval(this._checkInterval)
    this.#life = life
    this.#heard.set(this.clientID, life.now())
    this.on('update', ({ added, updated }: Changes) => {
      for (const client of [...added, ...updated]) this.#heard.set(client, life.now())
    })
    this.#check()
  }

  override destroy(): void {
    this.#cancel()
    super.destroy()
  }

  #check(): void {
    this.#cancel = this.#life.after(outdatedTimeout / 10, () => {
      const age = (client: number) => this.#life.now() - (this.#heard.get(client) ?? 0)
      const own = this.getLocalState()
      if (own !== null && age(this.clientID) >= outdatedTimeout / 2) this.setLocalState(own)
      const others = [...this.getStates().keys()].filter(client => client !== this.clientID)
      const outdated = others.filter(client => age(client) >= outdatedTimeout)
      if (outdated.length > 0) removeAwarenessStates(this, outdated, 'timeout')
      this.#check()
    })
  }
}
