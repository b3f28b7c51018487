import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** A page of nothing but one module, with all that it imports. */
export const bundledPage = async (file: string | URL): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [typeof file === 'string' ? file : fileURLToPath(file)],
    bundle: true,
    write: false,
    outdir: '.',
    format: 'esm',
    platform: 'browser',
    jsx: 'automatic',
  })
  const textOf = (end: string) => outputFiles.find(({ path }) => path.endsWith(end))?.text ?? ''
  const script = textOf('.js').replaceAll('</script', '<\\/script')
  return `<!doctype html><title>…</title><style>${textOf('.css')}</style><body><script type="module">${script}</script>`
}

/** A site's answer with a page. */
export const answer = (html: string): Response =>
  new Response(html, { headers: { 'Content-Type': 'text/html; charset=utf-8' } })
