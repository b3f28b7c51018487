import { execFileSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../../', import.meta.url)
const script = new URL('dist/server/yjs/compaction-worker.js', root)

const modified = (url: URL): number => statSync(url, { throwIfNoEntry: false })?.mtimeMs ?? 0

const newest = (folder: string): number =>
  Math.max(
    ...readdirSync(new URL(folder, root))
      .filter(file => file.endsWith('.ts'))
      .map(file => modified(new URL(`${folder}${file}`, root))),
  )

/** The compaction thread as it is shipped; built first when its sources have changed since. */
export const builtWorker = (): URL => {
  if (modified(script) < Math.max(newest('protocol/'), newest('server/yjs/'))) {
    const compiler = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root))
    try {
      execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: fileURLToPath(root) })
    } catch (error) {
      // An error of types in some other file leaves the output whole; without an output there is nothing to test.
      if (modified(script) === 0) throw error
    }
  }
  return script
}
