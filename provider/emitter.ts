import { ObservableV2 } from 'lib0/observable'
import type { ProviderEvents } from './events.ts'

/** Tells its listeners, whatever one of them throws. */
export class Emitter extends ObservableV2<ProviderEvents> {
  /** What a listener throws is the app's: it is reported as unhandled, and keeps nobody from hearing or going on. */
  override emit<Name extends keyof ProviderEvents>(name: Name, args: Parameters<ProviderEvents[Name]>): void {
    for (const listener of [...(this._observers.get(name) ?? [])]) {
      try {
        listener(...args)
      } catch (thrown) {
        void Promise.reject(thrown)
      }
    }
  }
}
