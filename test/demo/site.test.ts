import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSite } from '../../demo/site.ts'

const page = '<!doctype html><title>page</title>'
const script = 'export const long = "word ".repeat(1)\n'.repeat(100)
let directory: string
let get: (path: string, init?: RequestInit) => Promise<Response>

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'site-'))
  mkdirSync(join(directory, 'site', 'assets'), { recursive: true })
  writeFileSync(join(directory, 'site', 'index.html'), page)
  writeFileSync(join(directory, 'site', 'theme.js'), script)
  writeFileSync(join(directory, 'site', 'assets', 'main-abc123.js'), script)
  writeFileSync(join(directory, 'secret.txt'), 'secret')
  const site = createSite(join(directory, 'site'))
  get = async (path, init) => site(new Request(`http://localhost${path}`, init))
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('the site', () => {
  test('leads from / to the welcome document', async () => {
    const response = await get('/')
    expect(response.status).toBe(302)
    expect(response.headers.get('Location')).toBe('/welcome')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
  })

  test.each(['/welcome', '/caf%C3%A9', '/assets'])(
    'answers the document page %s with the page',
    async path => {
      const response = await get(path)
      expect(response.status).toBe(200)
      expect(await response.text()).toBe(page)
      expect(response.headers.get('Cache-Control')).toBe('no-cache')
      expect(response.headers.get('Content-Type')).toMatch(/^text\/html/)
    },
  )

  test('lets hashed files be kept for ever and others be asked for', async () => {
    const hashed = await get('/assets/main-abc123.js')
    expect(hashed.headers.get('Cache-Control')).toBe('public, max-age=31536000, immutable')
    expect(hashed.headers.get('Content-Type')).toMatch(/^text\/javascript/)
    expect(await hashed.text()).toBe(script)
    expect((await get('/theme.js')).headers.get('Cache-Control')).toBe('no-cache')
  })

  test('compresses for those who can read it', async () => {
    const response = await get('/assets/main-abc123.js', { headers: { 'Accept-Encoding': 'gzip' } })
    expect(response.headers.get('Content-Encoding')).toBe('gzip')
    expect((await response.arrayBuffer()).byteLength).toBeLessThan(script.length / 4)
  })

  test.each([
    '/assets/none.js',
    '/none.js',
    '/index.html',
    '/a/b',
    '/assets/../../secret.txt',
    '/assets/%2e%2e/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/%E0%A4%A',
  ])('answers %s with 404 that nobody keeps', async path => {
    const response = await get(path)
    expect(response.status).toBe(404)
    expect(response.headers.get('Cache-Control')).toBeNull()
    expect(await response.text()).not.toContain('secret')
  })

  test('takes nothing', async () => {
    expect((await get('/welcome', { method: 'POST' })).status).toBe(404)
  })

  test.each(['/', '/welcome', '/theme.js', '/none.js'])(
    'forbids scripts from elsewhere on %s',
    async path => {
      const policy = (await get(path)).headers.get('Content-Security-Policy')
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
      expect(policy).not.toContain('unsafe')
    },
  )
})
