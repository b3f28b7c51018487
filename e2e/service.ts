import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../dist/demo/start.js', import.meta.url))

/** What `npm start` runs, as a process that can be killed and started again over the same data. */
export class Service {
  readonly url: string
  readonly port: number
  readonly #args: readonly string[]
  readonly #data: string
  #child: ChildProcess | undefined

  private constructor(port: number, data: string, args: readonly string[]) {
    this.url = `${args.includes('--tls-cert') ? 'https' : 'http'}://127.0.0.1:${port}`
    this.port = port
    this.#data = data
    this.#args = [script, '--port', String(port), '--data', data, ...args]
  }

  static async open(...args: readonly string[]): Promise<Service> {
    const service = new Service(await freePort(), await mkdtemp(join(tmpdir(), 'e2e-')), args)
    try {
      await service.start()
      return service
    } catch (cause) {
      await service.close()
      throw cause
    }
  }

  /** Resolves when it has printed its address, at once if it runs already. */
  start(): Promise<void> {
    if (this.#child) return Promise.resolve()
    const child = spawn(process.execPath, this.#args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    return new Promise((resolve, reject) => {
      let said = ''
      const hear = (chunk: Buffer) => {
        said += chunk
        if (said.includes('Open http')) resolve()
      }
      child.stdout.on('data', hear)
      child.stderr.on('data', hear)
      child.once('exit', (code, signal) => {
        this.#child = undefined
        reject(new Error(`the service ended with ${signal ?? code}: ${said}`))
      })
    })
  }

  /** kill -9. Resolves when the process is gone. */
  kill(): Promise<void> {
    const child = this.#child
    if (!child) return Promise.resolve()
    return new Promise(resolve => {
      child.once('exit', () => resolve())
      child.kill('SIGKILL')
    })
  }

  async close(): Promise<void> {
    await this.kill()
    await rm(this.#data, { recursive: true })
  }
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
