/** Modules of WGSL by their names, such as `lib::reduce`: what `import package::lib::reduce::…` means. */
export type Modules = (name: string) => Promise<string>

export type Conditions = Readonly<Record<string, boolean>>

/** What stands at the top of a module and is there for the conditions given. */
interface Declaration {
  readonly name: string
  readonly tokens: readonly string[]
  readonly isStruct: boolean
  readonly scope: Scope
}

interface Scope {
  readonly module: string
  readonly declared: Map<string, Declaration>
  /** By the name that it has here. */
  readonly imported: Map<string, { readonly module: string; readonly name: string }>
}

const tokenPattern = /\/\/.*|[A-Za-z_]\w*|\d[\w.]*|\s+|\S/g
const word = /^[A-Za-z_]/
const blank = /^(\s|\/\/)/
const declaring = new Set(['fn', 'struct', 'const', 'override', 'var', 'alias'])

/**
 * The WGSL of a module's `main` and of all that it needs: the part of WESL that Octavo's shaders use, which are imports of
 * names and `@if(…)` before imports, declarations and statements, of names with `!`, `&&` and `||`. A condition that is not
 * given is false.
 *
 * The library `wesl` is 24 kB of what a page downloads, this one 1; a test compares what both make of every kernel.
 */
export async function link(root: string, modules: Modules, conditions: Conditions): Promise<string> {
  const scopes = await readScopes(root, modules, conditions)
  const find = ({ declared, imported, module: own }: Scope, name: string): Declaration | undefined => {
    const source = imported.get(name)
    if (!source) return declared.get(name)
    const found = scopes.get(source.module)!.declared.get(source.name)
    if (!found) throw new Error(`shader module ${source.module} has no ${source.name}, which ${own} imports`)
    return found
  }
  const main = scopes.get(root)!.declared.get('main')
  if (!main) throw new Error(`shader module ${root} has no main`)
  const names = nameAll(main, find)
  const texts: string[] = []
  for (const { declared } of scopes.values()) {
    for (const declaration of declared.values()) {
      if (!names.has(declaration)) continue
      const text = declaration.tokens.map((token, i) => {
        const meant = refersAt(declaration, i) ? find(declaration.scope, token) : undefined
        return meant ? names.get(meant)! : token
      })
      texts.push(text.join('').trim())
    }
  }
  return `${texts.join('\n\n')}\n`
}

/** Names for a declaration and for those that it needs: their own, or with a number where another one has it. */
function nameAll(
  main: Declaration,
  find: (scope: Scope, name: string) => Declaration | undefined,
): ReadonlyMap<Declaration, string> {
  const names = new Map([[main, main.name]])
  const taken = new Set(names.values())
  // A Map's walk comes to what is added on the way.
  for (const declaration of names.keys()) {
    declaration.tokens.forEach((token, i) => {
      const meant = refersAt(declaration, i) ? find(declaration.scope, token) : undefined
      if (!meant || names.has(meant)) return
      let name = token
      for (let n = 1; taken.has(name); n++) name = `${token}_${n}`
      taken.add(name)
      names.set(meant, name)
    })
  }
  return names
}

/** Whether a token is a name that may be another declaration's: no attribute, no member. */
function refersAt({ tokens, isStruct }: Declaration, i: number): boolean {
  if (!word.test(tokens[i]!) || tokens[i - 1] === '.' || tokens[i - 1] === '@') return false
  return !isStruct || !followedBy(tokens, i, ':')
}

/** The root's scope and those of all modules that it imports from, directly or not. */
async function readScopes(
  root: string,
  modules: Modules,
  conditions: Conditions,
): Promise<Map<string, Scope>> {
  const scopes = new Map<string, Scope>()
  let missing = new Set([root])
  while (missing.size > 0) {
    const read = [...missing].map(async (name) => readScope(name, await modules(name), conditions))
    for (const scope of await Promise.all(read)) scopes.set(scope.module, scope)
    const imported = [...scopes.values()].flatMap((scope) => [...scope.imported.values()])
    missing = new Set(imported.map(({ module }) => module).filter((module) => !scopes.has(module)))
  }
  return scopes
}

function readScope(module: string, text: string, conditions: Conditions): Scope {
  const scope: Scope = { module, declared: new Map(), imported: new Map() }
  for (const tokens of topLevel(conditioned(text.match(tokenPattern) ?? [], conditions))) {
    const keyword = tokens.findIndex((token) => declaring.has(token) || token === 'import')
    if (keyword < 0) continue
    if (tokens[keyword] === 'import') {
      for (const [name, source] of importsOf(tokens.slice(keyword + 1))) scope.imported.set(name, source)
      continue
    }
    const name = nameAfter(tokens, keyword)
    if (scope.declared.has(name)) throw new Error(`shader module ${module} declares ${name} twice`)
    scope.declared.set(name, { name, tokens, isStruct: tokens[keyword] === 'struct', scope })
  }
  return scope
}

/** Tokens without those that an `@if` before them leaves out, up to the `;` or the closing brace that ends them. */
function conditioned(tokens: readonly string[], conditions: Conditions): string[] {
  const kept: string[] = []
  for (let i = 0; i < tokens.length; i++) {
    if (tokens[i] !== '@' || tokens[i + 1] !== 'if') {
      if (tokens[i] === '@' && /^el/.test(tokens[i + 1]!)) throw new Error('shaders have @if, but no @else')
      kept.push(tokens[i]!)
      continue
    }
    const end = tokens.indexOf(')', i)
    const condition = tokens
      .slice(i + 3, end)
      .join('')
      .replaceAll(/\s/g, '')
    i = holds(condition, conditions) ? end : endOf(tokens, end + 1)
  }
  return kept
}

function holds(condition: string, conditions: Conditions): boolean {
  const term = (name: string) => (name.startsWith('!') ? !conditions[name.slice(1)] : conditions[name])
  return condition.split('||').some((all) => all.split('&&').every(term))
}

/** Where what begins at `start` ends: a declaration, an import or a statement. */
function endOf(tokens: readonly string[], start: number): number {
  let depth = 0
  for (let i = start; i < tokens.length; i++) {
    const token = tokens[i]!
    if ('([{'.includes(token)) depth++
    else if (')]}'.includes(token)) depth--
    if (depth < 0) throw new Error('shaders have @if before whole declarations, imports and statements')
    if (depth === 0 && (token === ';' || (token === '}' && !followedBy(tokens, i, ';')))) return i
  }
  return tokens.length - 1
}

function topLevel(tokens: readonly string[]): string[][] {
  const items: string[][] = []
  for (let start = 0; start < tokens.length; ) {
    const end = endOf(tokens, start)
    items.push(tokens.slice(start, end + 1))
    start = end + 1
  }
  return items
}

function followedBy(tokens: readonly string[], i: number, token: string): boolean {
  let next = i + 1
  while (next < tokens.length && blank.test(tokens[next]!)) next++
  return tokens[next] === token
}

/** The name after a keyword, and after `var<…>`. */
function nameAfter(tokens: readonly string[], keyword: number): string {
  const first = followedBy(tokens, keyword, '<') ? tokens.indexOf('>', keyword) : keyword
  return tokens.slice(first + 1).find((token) => word.test(token))!
}

/** `package::a::b::name;` or `package::a::{one, other};` */
function importsOf(
  tokens: readonly string[],
): [name: string, source: { readonly module: string; readonly name: string }][] {
  const text = tokens.filter((token) => !blank.test(token)).join('')
  const [, module, names] = /^package::(.*)::\{?([\w,]+)\}?;$/.exec(text) ?? []
  if (!module || !names) throw new Error(`a shader imports ${text}, which does not name what is imported`)
  return names
    .split(',')
    .filter((name) => name !== '')
    .map((name) => [name, { module, name }])
}
