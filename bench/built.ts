import { readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../', import.meta.url))
const shipped = ['protocol', 'client', 'provider', 'server']

/** What is played is the built package. A source that its build lacks or lags behind; undefined when there is none. */
export const unbuiltSource = async (): Promise<{ path: string; missing: boolean } | undefined> => {
  for (const folder of shipped) {
    for (const name of await readdir(join(root, folder), { recursive: true })) {
      if (!name.endsWith('.ts')) continue
      const source = join(root, folder, name)
      const built = join(root, 'dist', folder, name.replace(/\.ts$/, '.js'))
      const { mtimeMs } = await stat(source)
      const age = await stat(built).catch(() => undefined)
      if (!age || age.mtimeMs < mtimeMs) return { path: relative(root, source), missing: !age }
    }
  }
  return undefined
}
