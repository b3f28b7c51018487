import type { ObservableV2 } from 'lib0/observable'
import { ClientCode } from '../client/index.ts'
import { ProviderError } from './error.ts'
import type { ProviderEvents } from './events.ts'

/**
 * Resolves when `is` is true: now, or at one of the events that follow.
 * @param stopped why the provider has stopped already
 * @throws ProviderError what stopped the provider, or ABORTED when it was destroyed before
 */
export const reached = (
  provider: ObservableV2<ProviderEvents>,
  event: 'sync' | 'saved' | 'load',
  is: () => boolean,
  stopped?: ProviderError,
): Promise<void> => {
  if (is()) return Promise.resolve()
  if (stopped) return Promise.reject(stopped)
  return new Promise((resolve, reject) => {
    const check = () => {
      if (is()) settle(resolve)
    }
    const fail = (error: ProviderError) => {
      if (error.fatal) settle(() => reject(error))
    }
    const abandon = () => settle(() => reject(destroyed()))
    const settle = (how: () => void) => {
      provider.off(event, check)
      provider.off('error', fail)
      provider.off('destroy', abandon)
      how()
    }
    provider.on(event, check)
    provider.on('error', fail)
    provider.on('destroy', abandon)
  })
}

const destroyed = (): ProviderError =>
  new ProviderError(ClientCode.aborted, 'the provider was destroyed before that', true)
