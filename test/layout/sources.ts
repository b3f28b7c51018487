import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync, Visitor } from 'oxc-parser'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Text {
  readonly value: string
  readonly line: number
}

export interface Source {
  /** From the root, with slashes. */
  readonly path: string
  readonly lines: number
  /** Files of ours it imports, types included. */
  readonly imports: readonly string[]
  /** Packages it imports, by name; `node:` modules as they are. */
  readonly packages: readonly string[]
  /** Whether it has an `export *`. */
  readonly exportsAll: boolean
  /** String literals and the fixed parts of templates, import specifiers left out. */
  readonly texts: readonly Text[]
  /** Identifiers and `a.b` pairs of identifiers. */
  readonly names: ReadonlySet<string>
}

const folders = ['protocol', 'client', 'provider', 'react', 'server', 'demo', 'bench', 'test', 'e2e']

/** Every TypeScript file of the project, parsed. */
export const sources = (): readonly Source[] =>
  folders.flatMap(folder => [...filesIn(join(root, folder))]).map(parse)

function* filesIn(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* filesIn(path)
    else if (path.endsWith('.ts')) yield path
  }
}

const parse = (file: string): Source => {
  const code = readFileSync(file, 'utf8')
  const path = relative(root, file).replaceAll('\\', '/')
  const { program, module, errors } = parseSync(file, code)
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`)
  const requests = [
    ...module.staticImports.map(found => found.moduleRequest.value),
    ...module.staticExports.flatMap(found => found.entries.map(entry => entry.moduleRequest?.value ?? '')),
  ].filter(request => request !== '')
  const texts: Text[] = []
  const names = new Set<string>()
  const lineOf = (at: number) => code.slice(0, at).split('\n').length
  const requested = new Set(module.staticImports.map(found => found.moduleRequest.start))
  for (const found of module.staticExports) {
    for (const entry of found.entries) if (entry.moduleRequest) requested.add(entry.moduleRequest.start)
  }
  new Visitor({
    Literal(node) {
      if (typeof node.value === 'string' && !requested.has(node.start)) {
        texts.push({ value: node.value, line: lineOf(node.start) })
      }
    },
    TemplateElement(node) {
      texts.push({ value: node.value.cooked ?? node.value.raw, line: lineOf(node.start) })
    },
    Identifier(node) {
      names.add(node.name)
    },
    MemberExpression(node) {
      if (node.object.type === 'Identifier' && node.property.type === 'Identifier') {
        names.add(`${node.object.name}.${node.property.name}`)
      }
    },
  }).visit(program)
  return {
    path,
    lines: code.split('\n').length - 1,
    imports: requests
      .filter(request => request.startsWith('.'))
      .map(request => posix.join(dirname(path).replaceAll('\\', '/'), request)),
    packages: requests.filter(request => !request.startsWith('.')).map(packageOf),
    exportsAll: /^export \*/m.test(code),
    texts,
    names,
  }
}

const packageOf = (request: string): string => {
  if (request.startsWith('node:')) return request
  const parts = request.split('/')
  return parts.slice(0, request.startsWith('@') ? 2 : 1).join('/')
}
