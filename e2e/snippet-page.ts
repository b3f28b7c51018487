import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/**
 * A page of nothing but a snippet of the documentation, bundled. Inside the checkout while that is done, so that its imports
 * resolve.
 */
export const pageOf = async (code: string, extension: 'ts' | 'tsx' = 'ts'): Promise<string> => {
  const folder = await mkdtemp(join(fileURLToPath(new URL('../', import.meta.url)), 'build-readme-'))
  try {
    const file = join(folder, `snippet.${extension}`)
    await writeFile(file, code)
    const { outputFiles } = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      outdir: folder,
      format: 'esm',
      platform: 'browser',
      jsx: 'automatic',
    })
    const textOf = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? ''
    const script = textOf('.js').replaceAll('</script', '<\\/script')
    return `<!doctype html><title>…</title><style>${textOf('.css')}</style><body><script type="module">${script}</script>`
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A site's answer with a page. */
export const answer = (html: string): Response =>
  new Response(html, { headers: { 'Content-Type': 'text/html; charset=utf-8' } })
