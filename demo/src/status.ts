/** What is known about the connection and the edits made here. */
export interface Facts {
  readonly status: 'connecting' | 'connected' | 'disconnected'
  /** The server has durably acknowledged every edit made here. */
  readonly saved: boolean
  /** Edits it has not, when that is known. */
  readonly unsaved: number
  /** When the oldest of them was made, in milliseconds since 1970. */
  readonly since: number | undefined
  /** What outlives the loss of the connection: this browser, or only the window. */
  readonly keptIn: Keeper
  /** The last failure since it was last connected and saved. */
  readonly error: { readonly fatal: boolean } | undefined
  /** The person pressed "Go offline". */
  readonly offlineByChoice: boolean
  /** What the browser says about the network. */
  readonly online: boolean
  readonly now: number
}

export type Keeper = 'browser' | 'window'
export type State = 'connecting' | 'saving' | 'saved' | 'offline' | 'away' | 'stopped'
export type Tone = 'good' | 'busy' | 'calm' | 'warn' | 'bad'

/** The facts in words. */
export interface Words {
  readonly state: State
  readonly tone: Tone
  readonly text: string
}

/** The one place where facts become words. It says where edits are until they are saved: nowhere else. */
export const describe = (facts: Facts): Words => {
  if (facts.error?.fatal) return { state: 'stopped', tone: 'bad', text: `Stopped – ${kept(facts, '')}` }
  if (facts.offlineByChoice || facts.status === 'disconnected') {
    return { state: 'offline', tone: facts.saved ? 'calm' : 'warn', text: `Offline – ${kept(facts)}` }
  }
  if (facts.status === 'connected') {
    if (facts.saved) return { state: 'saved', tone: 'good', text: 'Connected – all changes saved' }
    if (!facts.error) return { state: 'saving', tone: 'busy', text: 'Saving…' }
    return { state: 'saving', tone: 'warn', text: `Saving, trying again… – ${kept(facts)}` }
  }
  if (facts.error || !facts.online) {
    const who = facts.online ? 'Server away' : 'No network'
    const kept = `${changes(facts)} kept in this ${facts.keptIn}${sinceWhen(facts)}`
    const what = facts.saved ? 'trying again…' : `${kept}, trying again…`
    return { state: 'away', tone: 'warn', text: `${who} – ${what}` }
  }
  const text = facts.saved ? 'Connecting…' : `Connecting – ${changes(facts)} not saved yet`
  return { state: 'connecting', tone: 'busy', text }
}

const kept = (facts: Facts, yet: '' | ' yet' = ' yet'): string => {
  if (facts.saved) return 'all changes saved'
  return `${changes(facts)} not saved${sinceWhen(facts) || yet}, kept in this ${facts.keptIn}`
}

/** "1 change", "3 changes", or "changes" when nobody counted. */
const changes = ({ unsaved }: Facts): string => {
  if (unsaved === 0) return 'changes'
  return unsaved === 1 ? '1 change' : `${unsaved.toLocaleString('en')} changes`
}

/** Edits younger than this are no news to whoever makes them. */
const freshMs = 60_000

/** " since 14:05", or " since 2 Nov, 14:05", or nothing. */
const sinceWhen = ({ since, now }: Facts): string => {
  if (since === undefined || now - since < freshMs) return ''
  const then = new Date(since)
  const time = then.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  const day = then.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
  const isToday = then.toDateString() === new Date(now).toDateString()
  return ` since ${isToday ? time : `${day}, ${time}`}`
}
