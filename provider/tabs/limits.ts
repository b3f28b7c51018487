/** Every bound of what a tab keeps of the others, with its reason. */
export const limits = {
  /**
   * Edits of tabs whose leader is not known here: a welcome takes milliseconds, and who types makes ten a second. Past this
   * another welcome, which is one update, is less to keep and to apply.
   */
  earlyEdits: 1_000,
  /** Bytes of the same: a large paste among them, or that welcome brings it. */
  earlyBytes: 1 << 20,
  /** Leaders whose tabs are heard: a tab that slept through more changes of lead says anew what it has. */
  leaders: 100,
  /** Questions, half a second apart, that a hello may go without an answer: that takes a walk over the document. */
  unansweredAsks: 2,
  /** Welcomes in a row, a second apart, of a leader that finds the document empty and should have heard that it is not by then. */
  doubts: 15,
} as const
