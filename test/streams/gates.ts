import type { Store } from '../../server/store/store.ts'

/** One thing a store was asked, held before it is done or before its answer is known. */
export interface Gate {
  readonly call: keyof Store
  readonly name: string
  /** Before the store did it, or after: then others can see it, the caller does not know yet. */
  readonly stage: 'asked' | 'done'
  pass(): void
  fail(error: Error): void
}

/** A store whose every answer waits until the test lets it pass. */
export interface GatedStore {
  readonly store: Store
  /** Who waits, longest first. */
  readonly waiting: readonly Gate[]
  /** Lets everybody pass from now on, those who wait first. */
  open(): void
}

type Held = 'load' | 'commit' | 'commitAll' | 'read' | 'remove' | 'list' | 'due'

/**
 * @param holds which calls are held; all others pass
 * @param stages where they are held
 */
export const gate = (
  store: Store,
  holds: readonly Held[] = ['load', 'commit', 'commitAll', 'read', 'remove', 'list', 'due'],
  stages: readonly Gate['stage'][] = ['asked', 'done'],
): GatedStore => {
  let isOpen = false
  const waiting: Gate[] = []

  const wait = (call: Held, name: string, stage: Gate['stage']): Promise<void> => {
    if (isOpen || !holds.includes(call) || !stages.includes(stage)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const leave = () => waiting.splice(waiting.indexOf(held), 1)
      const held: Gate = {
        call,
        name,
        stage,
        pass: () => {
          leave()
          resolve()
        },
        fail: error => {
          leave()
          reject(error)
        },
      }
      waiting.push(held)
    })
  }

  const held = async <Result>(call: Held, name: string, ask: () => Promise<Result>): Promise<Result> => {
    await wait(call, name, 'asked')
    const result = await ask()
    await wait(call, name, 'done')
    return result
  }

  return {
    waiting,
    open() {
      isOpen = true
      for (const one of [...waiting]) one.pass()
    },
    store: {
      manifest: store.manifest,
      load: (name, cells) => held('load', name, () => store.load(name, cells)),
      commit: (name, expected, change) => held('commit', name, () => store.commit(name, expected, change)),
      commitAll: edits =>
        held('commitAll', edits.map(({ name }) => name).join(' '), () => store.commitAll(edits)),
      read: (generation, from, limit) =>
        held('read', `${generation}`, () => store.read(generation, from, limit)),
      remove: (name, expected) => held('remove', name, () => store.remove(name, expected)),
      list: (prefix, after, limit) => held('list', prefix, () => store.list(prefix, after, limit)),
      due: (until, limit) => held('due', '', () => store.due(until, limit)),
      close: () => store.close(),
    },
  }
}
