import { pino } from 'pino'
import { type ServerOptions, startServer } from '../../server/server.ts'
import { makeCertificate } from '../certificate.ts'
import { FakeWorld } from '../streams/world.ts'

/** A server on a TLS port, in a world whose time the test turns; sockets and handshakes take the real one. */
export const openPort = async (options: ServerOptions = {}) => {
  const world = new FakeWorld()
  const logged: { readonly level: number; readonly msg: string }[] = []
  const logger = pino({ level: 'info' }, { write: line => void logged.push(JSON.parse(line)) })
  const tls = await makeCertificate()
  const server = await startServer({ port: 0, store: 'memory', world, logger, tls, ...options })
  /** Ends it at once, whatever is still open. */
  const end = async () => {
    const closed = server.close()
    await world.turn(24 * 3_600_000)
    await closed
  }
  return { url: server.url, server, world, logged, tls, end }
}
export type Port = Awaited<ReturnType<typeof openPort>>
