import { useEffect, useRef, useState } from 'react'
import type { DurableStreamsProvider, ProviderOptions } from '../provider/index.ts'
import { type Doc, hold } from './held.ts'

/**
 * A connected provider for `doc`; undefined on a server, during the first render, and while there is no document. It is shared
 * by all components that ask for one with the same document and options, and let go of with the last of them: at once when
 * everything is saved, otherwise as soon as it is.
 *
 * Options may be a new object each time: they are compared by value, an `awareness` by identity. Where one differs there is
 * another provider, except that `headers` are asked for at each request as they are in the latest render, that `connect`
 * connects and disconnects, and that `env` is that of the first.
 */
export const useProvider = (
  doc: Doc | undefined,
  options: ProviderOptions = {},
): DurableStreamsProvider | undefined => {
  const [held, setHeld] = useState<Mine>()
  const latest = useRef(options)
  useEffect(() => {
    latest.current = options
  })
  const { awareness, connect = true } = options
  const key = keyOf(options)
  useEffect(() => {
    if (!doc) return
    const { provider, release } = hold(doc, key, awareness, latest)
    setHeld({ provider, key, awareness })
    return () => {
      release()
      setHeld(undefined)
    }
  }, [doc, key, awareness])
  const isThis = held?.provider.doc === doc && held?.key === key && held.awareness === awareness
  const provider = isThis ? held?.provider : undefined
  useEffect(() => {
    if (connect) provider?.connect()
    else provider?.disconnect()
  }, [provider, connect])
  return provider
}

/** A provider, and what it was asked for by: in the render after a change it is not yet the one to show. */
interface Mine {
  readonly provider: DurableStreamsProvider
  readonly key: string
  readonly awareness: unknown
}

/** The options whose change means another provider, but for the awareness, as text. */
const keyOf = ({ headers, awareness, env, connect, ...rest }: ProviderOptions): string =>
  JSON.stringify(
    Object.entries(rest)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
