import { readFile } from 'node:fs/promises'
import type { Plugin } from 'vite'

/** Leaves comments and needless white space of shaders out of what is built. WGSL has no strings that could look like either. */
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
  const text = `${lines.filter((line) => line !== '').join('\n')}\n`
  // Signs that no neighbour joins to another one; a minus before a minus would.
  return text
    .replace(/ *([,;:={}()*+/%|?![\]&]) */g, '$1')
    .replace(/ - (?!-)/g, '-')
    .replace(/([{};,])\n/g, '$1')
}
