import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { leanShader } from '../../../scripts/lean-shaders'

const shaders = join(import.meta.dirname, '../../../shaders')

it('leaves out comments, indentation and empty lines, and nothing else', () => {
  expect(leanShader('// A header.\nfn f(a: u32) -> u32 { // why\n\n  return a / 2u;\n}\n')).toBe(
    'fn f(a: u32) -> u32 {\nreturn a / 2u;\n}\n',
  )
})

it('meets no block comment in any shader, which it would not know', () => {
  const files = readdirSync(shaders, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.wgsl'),
  )
  expect(files.length).toBeGreaterThan(20)
  for (const name of files) expect(readFileSync(join(shaders, name), 'utf8'), name).not.toContain('/*')
})
