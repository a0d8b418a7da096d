import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '../../..')
const api = readdirSync(join(root, 'src/api')).map((name) => join('src/api', name))
const sources = ['README.md', 'ARCHITECTURE.md', ...api].filter((path) => existsSync(join(root, path)))

/** What an example may use without saying where it comes from. */
const surroundings = `
  declare const engine: import('octavo').Engine
  declare const messages: import('octavo').ChatMessage[]
  declare const model: string
  declare const stopButton: HTMLButtonElement
  declare function show(...values: unknown[]): void
  declare function write(text: string): void
`

it('every example in the docs and docstrings compiles', { timeout: 60_000 }, () => {
  const examples = new Map<string, string>()
  for (const path of sources) {
    for (const [index, code] of examplesOf(path).entries()) {
      examples.set(
        join(root, dirname(path), `${path.replaceAll('/', '-')}-${index}.example.ts`),
        wrapped(code),
      )
    }
  }
  expect(examples.size).toBeGreaterThan(4)
  expect(complaints(examples)).toEqual([])
})

function examplesOf(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8')
  if (path.endsWith('.md')) return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1]!)
  return [...text.matchAll(/^ *\* @example\n(.*?)\*\/$/gms)].map((match) =>
    match[1]!.replace(/^ *\* ?/gm, ''),
  )
}

/** Imports stay on top; the rest is a block, in which an example may name things as it likes. */
function wrapped(code: string): string {
  const imports = code.match(/^import .*$/gm) ?? []
  const missing = (name: string) =>
    new RegExp(`\\b${name}\\b`).test(code) && !new RegExp(`\\bimport\\b.*\\b${name}\\b`).test(code)
  const implied = ['createEngine', 'inspectModel']
    .filter(missing)
    .map((name) => `import { ${name} } from 'octavo'`)
  return [
    ...implied,
    ...imports,
    surroundings,
    `;{ ${code.replace(/^import .*$/gm, '')} }`,
    'export {}',
  ].join('\n')
}

function complaints(files: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root)
  const lenient = { noEmit: true, noUncheckedIndexedAccess: false, noUnusedLocals: false }
  const paths = { octavo: [join(root, 'src/index.ts')] }
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile } = host
  host.fileExists = (name) => files.has(name) || fileExists(name)
  host.getSourceFile = (name, ...rest) => {
    const text = files.get(name)
    return text === undefined
      ? getSourceFile(name, ...rest)
      : ts.createSourceFile(name, text, { languageVersion: ts.ScriptTarget.ES2022 })
  }
  const program = ts.createProgram([...files.keys()], { ...options, ...lenient, paths }, host)
  return [...files.keys()].flatMap((name) =>
    program
      .getSemanticDiagnostics(program.getSourceFile(name))
      .concat(program.getSyntacticDiagnostics(program.getSourceFile(name)))
      .map(({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`),
  )
}
