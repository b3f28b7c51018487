import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { getRequestListener } from '@hono/node-server'
import { createSite } from '../demo/site.ts'
import type { Service } from './service.ts'

/** The demo's page, which is there also while the service behind it is not, as from a host of its own. */
export class Site {
  readonly #server: Server

  private constructor(service: Service) {
    const page = getRequestListener(createSite(fileURLToPath(new URL('../dist/site', import.meta.url))))
    this.#server = createServer((asked, response) => {
      if (asked.url?.startsWith('/v1/')) pass(asked, response, service.port)
      else void page(asked, response)
    })
  }

  static async open(service: Service): Promise<Site> {
    const site = new Site(service)
    await new Promise<void>(resolve => site.#server.listen(0, '127.0.0.1', resolve))
    return site
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  close(): Promise<unknown> {
    this.#server.closeAllConnections()
    return new Promise(resolve => this.#server.close(resolve))
  }
}

/** To the service and back. Where it is away, whoever asks gets no answer at all. */
const pass = (asked: IncomingMessage, response: ServerResponse, port: number): void => {
  const { method, url: path, headers } = asked
  const upstream = request({ host: '127.0.0.1', port, method, path, headers }, answer => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    response.flushHeaders()
    answer.on('error', () => response.destroy())
    answer.pipe(response)
  })
  upstream.on('error', () => response.destroy())
  response.on('close', () => upstream.destroy())
  asked.pipe(upstream)
}
