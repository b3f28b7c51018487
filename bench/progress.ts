import { Presets, SingleBar } from 'cli-progress'

/** How far a replay is. */
export interface Progress {
  /** @param edits so far */
  at(edits: number): void
  stop(): void
}

/** A bar on a terminal; else a line at every tenth. */
export const showProgress = (total: number, stream: NodeJS.WriteStream): Progress =>
  stream.isTTY ? bar(total, stream) : tenths(total, text => stream.write(text))

const bar = (total: number, stream: NodeJS.WriteStream): Progress => {
  const format = '{bar} {percentage} % | {value} of {total} edits | {rate} edits/s | {eta_formatted} left'
  const one = new SingleBar(
    { format, stream, hideCursor: true, etaBuffer: 1_000, gracefulExit: false },
    Presets.shades_classic,
  )
  const began = performance.now()
  one.start(total, 0, { rate: '-' })
  let shownAt = began
  return {
    at(edits) {
      const now = performance.now()
      if (now - shownAt < 50 && edits < total) return
      shownAt = now
      one.update(edits, { rate: Math.round((edits * 1_000) / (now - began)) })
    },
    stop: () => one.stop(),
  }
}

/** @param write gets whole lines */
export const tenths = (total: number, write: (line: string) => void): Progress => {
  let told = 0
  return {
    at(edits) {
      const tenth = Math.floor((edits * 10) / total)
      if (tenth === told) return
      told = tenth
      write(`${tenth * 10} %, ${edits} of ${total} edits\n`)
    },
    stop: () => undefined,
  }
}
