import { afterEach, describe, expect, test, vi } from 'vitest'
import { createGuard } from '../../provider/guard.ts'

afterEach(() => vi.unstubAllGlobals())

/** A window that counts its listeners, and is closed by hand. */
const opened = () => {
  const window = new EventTarget()
  const listeners = new Set<unknown>()
  vi.stubGlobal('window', {
    addEventListener: (type: string, listener: EventListener) => {
      listeners.add(listener)
      window.addEventListener(type, listener)
    },
    removeEventListener: (type: string, listener: EventListener) => {
      listeners.delete(listener)
      window.removeEventListener(type, listener)
    },
  })
  const close = () => {
    const event = new Event('beforeunload', { cancelable: true })
    Object.defineProperty(event, 'returnValue', { value: '', writable: true })
    window.dispatchEvent(event)
    return event.defaultPrevented ? 'asked' : 'closed'
  }
  return { listeners, close }
}

describe('The guard', () => {
  test('asks while something is unsaved, and listens only then', () => {
    const { listeners, close } = opened()
    const guard = createGuard()
    expect([close(), listeners.size]).toEqual(['closed', 0])
    guard.set(true)
    guard.set(true)
    expect([close(), listeners.size]).toEqual(['asked', 1])
    guard.set(false)
    expect([close(), listeners.size]).toEqual(['closed', 0])
    guard.set(true)
    expect(close()).toBe('asked')
  })

  test('ends with its provider', () => {
    const { listeners, close } = opened()
    const guard = createGuard()
    guard.set(true)
    guard.end()
    expect([close(), listeners.size]).toEqual(['closed', 0])
  })

  test('is nothing where there is no window', () => {
    vi.stubGlobal('window', undefined)
    const guard = createGuard()
    guard.set(true)
    guard.end()
  })

  test('of one document does not answer for that of another', () => {
    const { close } = opened()
    const [one, other] = [createGuard(), createGuard()]
    one.set(true)
    other.set(true)
    one.set(false)
    expect(close()).toBe('asked')
    other.end()
    expect(close()).toBe('closed')
  })
})
