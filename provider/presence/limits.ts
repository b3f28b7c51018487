import { outdatedTimeout } from 'y-protocols/awareness'

/** Every bound and interval of presence, with its reason. */
export const limits = {
  /** Silence after which this client says again that it is here: as y-protocols, whose clients allow for twice that. */
  renewMs: outdatedTimeout / 2,
  /** Where a browser holds timers back, what arrives renews, from this age on: the next may be 18 s away… */
  renewEarlyMs: 5_000,
  /** …but not in a crowd, from which something arrives all the time. */
  renewEarlyPerClientMs: 150,
  /** A timer later than this is being held back, as those of hidden pages are. */
  lateMs: 2_000,
  /** Silence of another client until it is gone: above the 18 s of a healthy one; with a nap, below 30. */
  goneMs: 25_000,
  /** Longest sleep of the watch over others: by so much a clock that is set may mislead it. */
  napMs: 4_000,
  /** Shortest. */
  dozeMs: 100,
  /** Most that counts as passed between two looks at the clock; what is more was slept through, or the clock was set. */
  lapseMs: 5_000,
  /** A server that forgot everybody is told again within this by those who are there; others go without a further wait. */
  graceMs: 5_000,
  /** How long the clock of one who left is remembered: no request takes longer, so an older word cannot come later. */
  forgetMs: 60_000,
  /** From the start of one request to that of the next: 13 cursors a second look smooth. */
  gapMs: 75,
  /** A room as a whole says about 500 words a second, however many are in it… */
  gapPerClientMs: 2,
  /** …up to this: a cursor that is later says nothing. */
  mostGapMs: 2_000,
  /** JSON characters that go into one request, unless one state alone has more: half of what the server takes. */
  groupChars: 32_768,
  /** A state with more is not taken in: what the server takes as a whole request. */
  stateChars: 65_536,
  /** Nor one nested deeper: others walk states recursively. */
  depth: 100,
  /** Clients of which anything is remembered, this one included; further ones are not taken in. */
  clients: 5_000,
  /** A server that names so many may know more: its list says nothing about who is not on it. */
  rosterClients: 1_000,
  /** A link that held so long was a good one; waits after failures begin anew. */
  healthyMs: 5_000,
} as const
