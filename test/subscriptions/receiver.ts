import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Received {
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

/** A web server on the loopback address that writes down what it is sent; gone after the test. */
export const openReceiver = async (
  respond: (response: ServerResponse, received: Received) => void = response => response.end('{}'),
) => {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const one = { body: Buffer.concat(chunks).toString(), headers: request.headers }
    received.push(one)
    respond(response, one)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  return { received, port: (server.address() as AddressInfo).port }
}
