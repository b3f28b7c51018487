import { type Found, findProgram, requireProgram } from '../test/apt.ts'

const paths = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/** An installed browser: the one that CHROMIUM names, or one in the usual places. */
export const findChromium = (): Promise<string | undefined> => findProgram(paths)

/** An installed browser, or Debian's, installed now where this process may do that. */
export const requireChromium = (say: (text: string) => void): Promise<Found> =>
  requireProgram(
    {
      paths,
      package: 'chromium',
      missing:
        'The end-to-end tests need Chromium. Install it (Debian: `sudo apt-get install chromium`), or name one in the environment variable CHROMIUM.',
    },
    say,
  )
