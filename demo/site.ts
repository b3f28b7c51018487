import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono, type MiddlewareHandler } from 'hono'
import { compress } from 'hono/compress'
import { documentNameOf } from './document-name.ts'

/** Scripts and styles come from files alone. The editor sets its few inline styles by script, which this allows. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const year = 365 * 24 * 3600

/**
 * The web site beside the service: `/` leads to the welcome document, `/<document>` is its page, the rest are files.
 * @param directory where the built page is
 */
export const createSite = (directory: string): ((request: Request) => Response | Promise<Response>) => {
  const fromDisk = serveStatic({ root: directory })
  const files =
    (cacheControl: string): MiddlewareHandler =>
    async (c, next) => {
      const found = await fromDisk(c, next)
      if (!(found instanceof Response)) return
      found.headers.set('Cache-Control', cacheControl)
      return found
    }
  const site = new Hono()
    .use(async (c, next) => {
      await next()
      c.header('Content-Security-Policy', contentSecurityPolicy)
      c.header('X-Content-Type-Options', 'nosniff')
      c.header('Referrer-Policy', 'same-origin')
    })
    .use(compress())
    .get('/', c => {
      c.header('Cache-Control', 'no-store')
      return c.redirect('/welcome', 302)
    })
    // A name under assets/ holds a hash of its content, so it never changes.
    .get('/assets/*', files(`public, max-age=${year}, immutable`))
    .get('*', async (c, next) => {
      if (documentNameOf(new URL(c.req.url).pathname) === undefined) return next()
      c.header('Cache-Control', 'no-cache')
      return c.html(await readFile(join(directory, 'index.html'), 'utf8'))
    })
    .get('*', (c, next) => (c.req.path === '/index.html' ? next() : files('no-cache')(c, next)))
    .notFound(c => c.text('There is no such page. Documents are at /<name>, such as /welcome.\n', 404))
  return request => site.fetch(request)
}
