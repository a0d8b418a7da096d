import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { leanShader } from '../../../scripts/lean-shaders'

const shaders = join(import.meta.dirname, '../../../shaders')
const files = readdirSync(shaders, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.wgsl'),
)

it('leaves out comments and needless white space', () => {
  expect(leanShader('// A header.\nfn f(a: u32) -> u32 { // why\n\n  return a / 2u - -b;\n}\n')).toBe(
    'fn f(a:u32)-> u32{return a/2u - -b;}',
  )
})

it.each(files)('%s keeps its tokens', (name) => {
  // Words and numbers, and signs as long as WGSL has them.
  const tokens = (text: string) =>
    text.replace(/\/\/.*$/gm, '').match(/[\w.]+|->|\+\+|--|&&|\|\||<<=?|>>=?|[-+*/%&|^=!<>]=|[^\s\w]/g)
  const source = readFileSync(join(shaders, name), 'utf8')
  expect(tokens(leanShader(source))).toEqual(tokens(source))
})

it('meets no block comment in any shader, which it would not know', () => {
  expect(files.length).toBeGreaterThan(20)
  for (const name of files) expect(readFileSync(join(shaders, name), 'utf8'), name).not.toContain('/*')
})
