import { spawn } from 'node:child_process'
import { access, constants } from 'node:fs/promises'

/** A program that tests need and npm does not bring: where it is, or what to do about its absence. */
export type Found =
  | { readonly kind: 'found'; readonly path: string }
  | { readonly kind: 'missing'; readonly message: string }

export interface Wanted {
  /** Where it may be; the first that can be run is taken. */
  readonly paths: readonly (string | undefined)[]
  /** The Debian package that has it. */
  readonly package: string
  /** What to do when it is not there and cannot be installed. */
  readonly missing: string
}

/** The first of these paths that can be run. */
export const findProgram = async (paths: Wanted['paths']): Promise<string | undefined> => {
  for (const path of paths) {
    const runs = path ? access(path, constants.X_OK).then(yes, no) : false
    if (await runs) return path
  }
  return undefined
}

/** An installed program, or Debian's, installed now where this process may do that. */
export const requireProgram = async (wanted: Wanted, say: (text: string) => void): Promise<Found> => {
  const installed = await findProgram(wanted.paths)
  if (installed) return { kind: 'found', path: installed }
  if (process.getuid?.() === 0) {
    say(`no ${wanted.package} found; installing it with apt-get, which takes a minute`)
    const done =
      (await aptGet('update', '-q')) &&
      (await aptGet('install', '-qy', '--no-install-recommends', wanted.package))
    const path = done ? await findProgram(wanted.paths) : undefined
    if (path) return { kind: 'found', path }
  }
  return { kind: 'missing', message: wanted.missing }
}

/** Waits for another apt-get that is at work; a fresh machine often runs one. */
const aptGet = (...args: readonly string[]): Promise<boolean> =>
  new Promise(resolve => {
    const child = spawn('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    })
    child.once('error', () => resolve(false))
    child.once('exit', code => resolve(code === 0))
  })

const yes = () => true
const no = () => false
