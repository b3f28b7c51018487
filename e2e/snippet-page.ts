import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundledPage } from './bundled-page.ts'

/**
 * A page of nothing but a snippet of the documentation, bundled. Inside the checkout while that is done, so that its imports
 * resolve.
 */
export const pageOf = async (code: string, extension: 'ts' | 'tsx' = 'ts'): Promise<string> => {
  const folder = await mkdtemp(join(fileURLToPath(new URL('../', import.meta.url)), 'build-readme-'))
  try {
    const file = join(folder, `snippet.${extension}`)
    await writeFile(file, code)
    return await bundledPage(file)
  } finally {
    await rm(folder, { recursive: true })
  }
}
