/** What is known about the connection and the edits made here. */
export interface Facts {
  readonly status: 'connecting' | 'connected' | 'disconnected'
  /** The server has durably acknowledged every edit made here. */
  readonly saved: boolean
  /** Edits it has not, when that is known. */
  readonly unsaved: number
  /** The last failure since it was last connected and saved. */
  readonly error: { readonly message: string; readonly fatal: boolean } | undefined
  /** The person pressed "Go offline". */
  readonly offlineByChoice: boolean
  /** What the browser says about the network. */
  readonly online: boolean
}

export type State = 'connecting' | 'saving' | 'saved' | 'offline' | 'away' | 'stopped'
export type Tone = 'good' | 'busy' | 'calm' | 'warn' | 'bad'

/** The facts in words. */
export interface Words {
  readonly state: State
  readonly tone: Tone
  readonly text: string
}

/** The one place where facts become words. Edits live in this window alone until they are saved, so it says so. */
export const describe = (facts: Facts): Words => {
  if (facts.error?.fatal)
    return { state: 'stopped', tone: 'bad', text: `Stopped – ${kept(facts, 'not saved')}` }
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
    const what = facts.saved ? 'trying again…' : `${changes(facts)} kept in this window, trying again…`
    return { state: 'away', tone: 'warn', text: `${who} – ${what}` }
  }
  const text = facts.saved ? 'Connecting…' : `Connecting – ${changes(facts)} not saved yet`
  return { state: 'connecting', tone: 'busy', text }
}

const kept = (facts: Facts, unsaved: 'not saved' | 'not saved yet' = 'not saved yet'): string =>
  facts.saved ? 'all changes saved' : `${changes(facts)} ${unsaved}, kept in this window`

/** "1 change", "3 changes", or "changes" when nobody counted. */
const changes = ({ unsaved }: Facts): string => {
  if (unsaved === 0) return 'changes'
  return unsaved === 1 ? '1 change' : `${unsaved.toLocaleString('en')} changes`
}
