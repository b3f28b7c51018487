import { startServer } from '../server/index.ts'

/** The server of a storm, as a process of its own: the port, 0 for any, and the directory of its store. Ends at SIGTERM. */
const [port = '0', data = ''] = process.argv.slice(2)
const server = await startServer({ port: Number(port), data })
process.on('SIGINT', () => undefined) // Ctrl-C reaches the whole group; the parent decides when this ends
process.once('SIGTERM', () => {
  void server.close().then(() => process.exit())
})
process.once('disconnect', () => process.exit())
process.send?.(server.url)
