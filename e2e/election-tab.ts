import { realEnv } from '../client/index.ts'
import { answerWhenAwake } from '../provider/tabs/awake.ts'
import { Election } from '../provider/tabs/election.ts'
import { holdLife, whenGone } from '../provider/tabs/life.ts'
import { watch } from '../provider/tabs/pulse.ts'
import { lockScenario } from '../test/tabs/lock-scenario.ts'

// The whole program of one tab of the election tests, as a provider's without any document. It is told its name, and what to
// try, by its address; what happens it tells its server.

const { locks } = navigator
const { signal } = new AbortController()
const parameters = new URLSearchParams(location.search)
const name = parameters.get('name') ?? ''
const tell = (event: string) => {
  navigator.sendBeacon('/told', JSON.stringify({ tab: name, event, at: Date.now() }))
}

const elect = async (): Promise<void> => {
  const channel = new BroadcastChannel('group')
  const election = new Election({ locks, name: 'leader' })
  let leads = false
  const pulse = watch({
    env: realEnv,
    signal,
    ask: () => {
      if (!leads) channel.postMessage('ask')
    },
    onSilent: () => {
      if (leads) return
      tell('finds its leader silent')
      election.depose()
    },
  })
  const awake = answerWhenAwake({
    locks,
    env: realEnv,
    name: 'awake',
    signal,
    answer: () => {
      if (leads) channel.postMessage('answer')
    },
  })
  channel.onmessage = ({ data }) => {
    if (data === 'answer') pulse.heard()
    else if (leads) awake.asked()
  }
  await election.run(signal, async reign => {
    leads = true
    tell('leads')
    await new Promise(resolve => reign.addEventListener('abort', resolve))
    leads = false
    tell('ends')
  })
}

const follow = async (other: string): Promise<void> =>
  tell(`${(await whenGone(locks, other, signal)) ? 'misses' : 'gives up'} ${other}`)

tell((await holdLife(locks, name, signal)) ? 'lives' : 'has no locks')
if (parameters.has('scenario')) tell((await lockScenario(locks)).join('\n'))
else await Promise.all([elect(), ...parameters.getAll('follow').map(follow)])
