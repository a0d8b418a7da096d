import { describe, expect, it } from 'vitest'
import { link as linkWesl } from 'wesl/core'
import { kernelModules } from '../../../scripts/kernel-modules'
import type { Kernel } from '../../../src/gpu/kernel'
import { type Conditions, link } from '../../../src/gpu/link'
import { weightFormats } from '../../../src/kernels/formats'
import { affineFormat } from '../../../src/kernels/weights/affine'
import type { MatrixFormat } from '../../../src/kernels/weights/format'

type Texts = Readonly<Record<string, string>>

function linked(texts: Texts, conditions: Conditions = {}): Promise<string> {
  const modules = async (name: string): Promise<string> => {
    const text = texts[name]
    if (text === undefined) throw new Error(`there is no module ${name}`)
    return text
  }
  return link('main', modules, conditions)
}

describe('a linked shader', () => {
  it('has main and what it needs of other modules, and nothing else', async () => {
    const main = 'import package::lib::one::{a, b};\nfn main() { a(b); }\nfn idle() {}'
    const one = 'import package::lib::two::c;\nfn a(x: u32) { c(); }\nconst b = 1u; const unused = 2u;'
    const two = 'fn c() {}\nfn d() {}'
    const text = await linked({ main, 'lib::one': one, 'lib::two': two })
    expect(bare(text)).toBe('fnmain(){a(b);}fna(x:u32){c();}constb=1u;fnc(){}')
  })

  it('numbers a name that two modules declare, where it is declared and where it is used', async () => {
    const main =
      'import package::one::a;\nconst size = 1u;\nstruct S { size: u32 }\nfn main() { a(S(size).size); }'
    const one = 'const size = 2u;\nstruct T { size: u32 }\nfn a(x: u32) { let t = T(size); _ = t.size; }'
    expect(bare(await linked({ main, one }))).toBe(
      'constsize=1u;structS{size:u32}fnmain(){a(S(size).size);}' +
        'constsize_1=2u;structT{size:u32}fna(x:u32){lett=T(size_1);_=t.size;}',
    )
  })

  it('has declarations, imports and statements whose condition holds', async () => {
    const main = `@if(on && !off) import package::one::a;
      @if(!on) import package::nowhere::a;
      @if(off || !on) const b = 1u;
      @if(off || on) const b = array<u32, 2>(2u, 3u);
      fn main() { @if(off) if (b[0] > 1u) { b(); } @if(on) a(b); @if(unknown) return; }`
    expect(bare(await linked({ main, one: 'fn a(x: u32) {}' }, { on: true, off: false }))).toBe(
      'constb=array<u32,2>(2u,3u);fnmain(){a(b);}fna(x:u32){}',
    )
  })

  const refused: Readonly<Record<string, readonly [main: string, message: string]>> = {
    'no main': ['fn other() {}', 'shader module main has no main'],
    'a name that the other module lacks': [
      'import package::one::b; fn main() { b(); }',
      'shader module one has no b, which main imports',
    ],
    'a name twice': ['fn main() {} const a = 1; const a = 2;', 'shader module main declares a twice'],
    '@else': ['@if(x) fn main() {}\n@else fn main() {}', 'shaders have @if, but no @else'],
    'a member under a condition': [
      'struct S { @if(x) a: u32 } fn main() {}',
      'shaders have @if before whole declarations, imports and statements',
    ],
    'an import of a module': [
      'import package::one; fn main() {}',
      'a shader imports package::one;, which does not name what is imported',
    ],
  }
  for (const [what, [main, message]] of Object.entries(refused)) {
    it(`is refused for ${what}`, async () => {
      await expect(linked({ main, one: 'fn a() {}' })).rejects.toThrow(message)
    })
  }
})

const files: Readonly<Record<string, string>> = import.meta.glob('../../../shaders/**/*.wgsl', {
  query: '?raw',
  import: 'default',
  eager: true,
})
const shaders: Texts = Object.fromEntries(
  Object.entries(files).map(([path, text]) => [path.split('/shaders/')[1]!.slice(0, -'.wgsl'.length), text]),
)

const kernels = Object.values(kernelModules)
  .flatMap((module) => Object.values(module))
  .filter((each): each is Kernel => typeof each === 'object' && each !== null && 'shader' in each)

const affine = { name: 'test', columns: 128, number: 'unsigned', scale: 'f16', scaleColumns: 32 } as const
const formats: readonly MatrixFormat[] = [
  ...weightFormats.values(),
  affineFormat({ ...affine, bits: 3 }),
  affineFormat({ ...affine, bits: 4 }),
  affineFormat({ ...affine, bits: 8 }),
  affineFormat({ ...affine, bits: 4, ordered: true }),
]

/** WESL's own linker knows more of the language; what it makes of a kernel is what ours must make. */
describe('as the library wesl links it', () => {
  for (const kernel of kernels) {
    it(kernel.shader, async () => {
      const names = kernel.conditions ?? []
      // A product either normalizes its row or merges it.
      const all = names.filter((name) => name !== 'combines')
      // A kernel that has one of them always does so.
      const least = names.filter((name) => ['projects', 'half_rows', 'in_bytes', 'rounds'].includes(name))
      const switches = [least, all, ...names.map((name) => [...least, name])]
      const readsWeights = [...modulesOf(kernel.shader)].some((path) =>
        shaders[path]!.includes('package::weights'),
      )
      // Products of integers are linked with formats of integers only.
      const read = names.includes('packed_dot') ? formats.filter(({ integers }) => integers) : formats
      const weights: readonly (MatrixFormat | null)[] = readsWeights ? read : [null]
      for (const format of weights) {
        for (const on of format === weights[0] ? switches : [least, all]) {
          const conditions = {
            ...Object.fromEntries(names.map((name) => [name, on.includes(name)])),
            ...format?.conditions,
          }
          const texts = textsOf(kernel, conditions, format)
          const weslSrc = Object.fromEntries(
            Object.entries(texts).map(([name, text]) => [`package::${name}`, text]),
          )
          const rootModuleName = 'package::main'
          const theirs = await linkWesl({ weslSrc, rootModuleName, conditions, sourceMap: false })
          const ours = await linked(texts, conditions)
          // Ours has more where a local is called as a declaration is.
          const needed = reached(declarations(theirs.dest))
          expect(declarations(ours), `${on} ${format?.name}`).toEqual(expect.arrayContaining(needed))
        }
      }
    })
  }
})

/** A shader, and the files that it imports from, directly or not. */
function modulesOf(shader: string): Set<string> {
  const found = new Set([shader])
  for (const path of found) {
    for (const [, names] of shaders[path]!.matchAll(/import package::([\w:]+)::/g)) {
      const imported = names!.replaceAll('::', '/')
      if (shaders[imported] !== undefined) found.add(imported)
    }
  }
  return found
}

/** Constants of rows that products make themselves. */
const rowConstants = ['row_quads', 'heads', 'value_dim', 'split_size', 'window']

function textsOf(kernel: Kernel, conditions: Conditions, format: MatrixFormat | null): Texts {
  const own = [...kernel.constants, ...(kernel.conditions ?? []), ...Object.keys(kernel.bindings), 'params']
  const moduleConstants = [
    ...Object.keys(format?.constants ?? { bits: 1, width: 1, unit_codes: 1 }),
    ...rowConstants.filter((name) => !kernel.constants.includes(name)),
  ]
  const bindings = [
    ...[...kernel.constants, ...moduleConstants].map((name) => `const ${name}: u32 = 1u;`),
    ...(kernel.conditions ?? []).map((name) => `const ${name}: bool = ${conditions[name]};`),
    ...Object.keys(kernel.bindings).map((name) => `var<storage, read> ${name}: array<u32>;`),
    'struct Params { n: u32 }',
    'var<uniform> params: Params;',
  ]
  const texts = Object.entries(shaders).map(([path, text]) => [path.replaceAll('/', '::'), text])
  return {
    ...Object.fromEntries(texts),
    ...(format && { weights: shaders[`weights/${format.module}`]! }),
    bindings: bindings.join('\n'),
    main: `import package::bindings::{${own.join(', ')}};\n${shaders[kernel.shader]}`,
  }
}

/** WGSL's declarations, without what says nothing and the numbers by which names are told apart. */
function declarations(text: string): string[] {
  const plain = bare(text)
    .replace(/,([)}])/g, '$1')
    .replace(/\};/g, '}')
    .replace(/\b([A-Za-z_]*[A-Za-z])_?\d+\b/g, '$1')
  return plain.split(/(?<=[;}])(?=fn[a-z]|struct[A-Z]|const[a-z_]\w*[:=]|var<|alias[A-Z]|@compute|@group)/)
}

/** Those that main needs. */
function reached(all: readonly string[]): string[] {
  const kept = new Set(all.filter((each) => each.startsWith('@compute')))
  for (const one of kept) {
    for (const other of all) {
      const name = /^(?:fn|struct|const|alias|var<.*?>)(\w+?)(?=[(:={])/.exec(other)?.[1]
      if (name && new RegExp(`\\b${name}\\b`).test(one)) kept.add(other)
    }
  }
  return [...kept]
}

function bare(text: string): string {
  return text.replace(/\/\/.*/g, '').replace(/\s+/g, '')
}
