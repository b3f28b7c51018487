import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'

/** Where a Chromium is, or what to do about its absence. */
export type FoundChromium =
  | { readonly kind: 'found'; readonly path: string }
  | { readonly kind: 'missing'; readonly message: string }

const candidates = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/** An installed browser: the one that CHROMIUM names, or one in the usual places. */
export const findChromium = async (): Promise<string | undefined> => {
  for (const path of candidates) {
    if (
      path &&
      (await access(path, constants.X_OK).then(
        () => true,
        () => false,
      ))
    )
      return path
  }
  return undefined
}

const run = (command: string, args: readonly string[]): Promise<boolean> =>
  new Promise(resolve => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    child.once('error', () => resolve(false))
    child.once('exit', code => resolve(code === 0))
  })

/** An installed browser, or Debian's, installed now where this process may do that. */
export const requireChromium = async (say: (text: string) => void): Promise<FoundChromium> => {
  const installed = await findChromium()
  if (installed) return { kind: 'found', path: installed }
  if (process.getuid?.() === 0) {
    say('no Chromium found; installing it with apt-get, which takes a minute')
    const done =
      (await run('apt-get', ['update', '-q'])) &&
      (await run('apt-get', ['install', '-qy', '--no-install-recommends', 'chromium']))
    const path = done ? await findChromium() : undefined
    if (path) return { kind: 'found', path }
  }
  return {
    kind: 'missing',
    message:
      'The end-to-end tests need Chromium. Install it (Debian: `sudo apt-get install chromium`), or name one in the environment variable CHROMIUM.',
  }
}
