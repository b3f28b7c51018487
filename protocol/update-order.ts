import type { Ranges } from './ranges.ts'

/** One client's structs that wait for others: clock, other client, its clock; and which of them comes next. */
interface Queue {
  readonly waits: number[]
  next: number
}

/** One thing to get done: every struct of a client up to and including the one at `clock`. */
interface Goal {
  readonly client: number
  readonly clock: number
}

/**
 * Which structs of an update wait for structs of other clients. Yjs never integrates structs that wait for each other
 * in a circle: it parks them, and everything that builds on them, for ever.
 */
export class WaitGraph {
  readonly #queues = new Map<number, Queue>()

  /** The struct of `client` at `clock` comes only after `otherClock` of `other`. Clocks ascend per client. */
  add(client: number, clock: number, other: number, otherClock: number): void {
    const queue = this.#queues.get(client)
    if (queue === undefined) this.#queues.set(client, { waits: [clock, other, otherClock], next: 0 })
    else queue.waits.push(clock, other, otherClock)
  }

  /** A client in a circle, when some of `structs` wait for each other. Uses the graph up; looks at each wait once. */
  circle(structs: Ranges): number | undefined {
    for (const client of this.#queues.keys()) {
      const path: Goal[] = [{ client, clock: Number.POSITIVE_INFINITY }]
      const onPath = new Set([client])
      for (let goal = path.at(-1); goal !== undefined; goal = path.at(-1)) {
        const blocker = this.#advance(goal, structs)
        if (blocker === undefined) {
          path.pop()
          onPath.delete(goal.client)
        } else if (onPath.has(blocker.client)) return blocker.client
        else {
          path.push(blocker)
          onPath.add(blocker.client)
        }
      }
    }
    return undefined
  }

  /** Lets a client's structs go as far as they can and need to; answers what has to be done first, if anything. */
  #advance(goal: Goal, structs: Ranges): Goal | undefined {
    const queue = this.#queues.get(goal.client)
    if (queue === undefined) return undefined
    const { waits } = queue
    for (; queue.next < waits.length && (waits[queue.next] as number) <= goal.clock; queue.next += 3) {
      const client = waits[queue.next + 1] as number
      const clock = waits[queue.next + 2] as number
      if (this.#reach(client) <= clock && structs.covers(client, clock, 1)) return { client, clock }
    }
    return undefined
  }

  /** The clock before which no struct of a client has an unmet wait. */
  #reach(client: number): number {
    const queue = this.#queues.get(client)
    return queue === undefined || queue.next >= queue.waits.length
      ? Number.POSITIVE_INFINITY
      : (queue.waits[queue.next] as number)
  }
}
