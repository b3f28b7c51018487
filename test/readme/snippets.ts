import { readFileSync } from 'node:fs'

export interface Snippet {
  readonly language: string
  readonly code: string
  /** The heading it stands under. */
  readonly heading: string
}

/** The fenced blocks of a Markdown file, in order. */
export const snippets = (file = 'README.md'): readonly Snippet[] => {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
  const found: Snippet[] = []
  let heading = ''
  let open: { language: string; lines: string[] } | undefined
  for (const line of text.split('\n')) {
    const fence = /^```(\w*)$/.exec(line)
    if (fence && open) {
      found.push({ language: open.language, code: open.lines.join('\n'), heading })
      open = undefined
    } else if (fence) open = { language: fence[1] ?? '', lines: [] }
    else if (open) open.lines.push(line)
    else if (line.startsWith('#')) heading = line.replace(/^#+ /, '')
  }
  return found
}

/** The one snippet in `language` under `heading`. */
export const snippet = (heading: string, language: string, file = 'README.md'): string => {
  const found = snippets(file).filter(one => one.heading === heading && one.language === language)
  if (!found[0] || found.length > 1)
    throw new Error(`${file} has ${found.length} ${language} snippets under "${heading}"`)
  return found[0].code
}
