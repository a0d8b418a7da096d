import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

/** Leaves comments and indentation of shaders out of what is built. WGSL has no strings that could look like either. */
export function leanShaders(): Plugin {
  return {
    name: 'lean-shaders',
    apply: 'build',
    enforce: 'pre',
    async load(id) {
      const [path, query] = id.split('?')
      if (!path!.endsWith('.wgsl') || query !== 'raw') return null
      this.addWatchFile(path!)
      return `export default ${JSON.stringify(leanShader(await readFile(path!, 'utf8')))}`
    },
  }
}

export function leanShader(source: string): string {
  const lines = source.split('\n').map((line) => line.replace(/\/\/.*$/, '').trim())
  return `${lines.filter((line) => line !== '').join('\n')}\n`
}
