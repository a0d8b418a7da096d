import type { Plugin, Rolldown } from 'vite'

/**
 * What is fetched by need, each in a file of its own, by the modules that dynamic imports name. What several parts need and
 * the engine itself does not goes to the first of them.
 */
const parts: Readonly<Record<string, RegExp>> = {
  encoders:
    /src\/(worker\/load-encoder-session|model\/vector-settings|model\/parts\/pooled|gpu\/shaders\/encoders)\.ts$/,
  families: /src\/model\/families\/others\.ts$/,
  inspect: /src\/worker\/inspect\.ts$/,
  conversations: /src\/worker\/live-conversations\.ts$/,
  quantized: /src\/model\/quantized\/read-quantization\.ts$/,
  recurrent: /src\/(model\/parts|gpu\/shaders)\/recurrent\.ts$/,
  experts: /src\/(model\/parts|gpu\/shaders)\/experts\.ts$/,
  latent: /src\/model\/parts\/latent\.ts$/,
  streams: /src\/(model\/parts\/(alt-up|laurel|layer-inputs)|gpu\/shaders\/streams)\.ts$/,
  proof: /src\/model\/(proof\/prove|tuner)\.ts$/,
  cases: /src\/model\/proof\/rare\/cases\.ts$/,
  profile: /src\/gpu\/taken-profile\.ts$/,
  integers: /src\/gpu\/shaders\/integers\.ts$/,
  tables: /src\/(gpu\/shaders\/tables|kernels\/weights\/grids)\.ts$/,
  safetensors: /src\/(text\/tokenizer-json|gpu\/shaders\/safetensors)\.ts$/,
}

/** Puts the engine into one file, and each part into one; `core` is that file's name, or null where it is the entry's. */
export function partFiles(core: string): { plugin: Plugin; codeSplitting: Rolldown.CodeSplittingOptions } {
  const files = new Map<string, string>()
  const plugin: Plugin = {
    name: 'part-files',
    apply: 'build',
    buildEnd() {
      const needs = (id: string, found = new Set<string>()): Set<string> => {
        if (found.has(id)) return found
        found.add(id)
        for (const next of this.getModuleInfo(id)?.importedIds ?? []) needs(next, found)
        return found
      }
      const ids = [...this.getModuleIds()]
      const put = (name: string, test: RegExp) => {
        for (const root of ids.filter((id) => test.test(id)))
          for (const id of needs(root)) if (!files.has(id)) files.set(id, name)
      }
      files.clear()
      put('', /src\/index\.ts$/)
      put(core, /src\/worker\/(entry\.ts|service\.ts$)/)
      for (const [name, test] of Object.entries(parts)) put(name, test)
    },
  }
  return {
    plugin,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ name: (id) => files.get(id) || null }],
    },
  }
}

/** In the worker's script: makes a part of its file, whose address the page tells. */
const partLoader =
  `const octavoCore={},octavoParts={},octavoTries={},octavoUrls=new Promise(tell=>addEventListener("message",
({data})=>{if(data?.octavoParts)tell(data.octavoParts)}));function octavoPart(name){return octavoParts[name]??=octavoUrls.then(
urls=>import(/* @vite-ignore *//* webpackIgnore: true */urls[name]+(octavoTries[name]?"#"+octavoTries[name]:""))).then(
part=>part.default(octavoCore,octavoHelpers),error=>{octavoParts[name]=null;octavoTries[name]=(octavoTries[name]??0)+1;throw error})}
`.replaceAll('\n', '')

/**
 * Makes the worker's files such that bundlers may copy and rename them, as they do with what \`new URL\` names: a part does not
 * import the worker's script by its name, but is a function of what that exports; and the worker is told by the page, whose
 * code the bundler rewrites, where the parts are. A part that could not be fetched is asked for by another address the next
 * time, because browsers remember the failure.
 */
export function movableParts(): Plugin {
  return {
    name: 'movable-parts',
    apply: 'build',
    generateBundle(_, bundle) {
      const helpers = bundle[runtime]
      if (helpers?.type !== 'chunk') throw new Error(`${runtime} is missing`)
      delete bundle[runtime]
      delete bundle[`${runtime}.map`]
      const helper = `octavoHelpers=(()=>{${named(helpers.code, returned).split('\n')[0]}})();`
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue
        if (chunk.fileName === 'worker.js') {
          const own = named(chunk.code, (pairs) => `Object.assign(octavoCore,{${pairs}});`)
          const fetching = own.replace(/\bimport\(`\.\/([\w-]+\.js)`\)/g, 'octavoPart(`$1`)')
          chunk.code = `${partLoader}const ${helper}\n${fetching}`
          if (chunk.map) chunk.map.mappings = `;${chunk.map.mappings}`
        } else {
          const [head] = /^(import\{[^}]*\}from"[^"]*";)*/.exec(chunk.code)!
          const taken = (file: string) =>
            new RegExp(`import\\{([^}]*)\\}from"./${file}"`).exec(head)?.[1]?.replaceAll(' as ', ':') ?? ''
          const others = [...head.matchAll(/from"\.\/([^"]*)"/g)].filter(
            ([, file]) => file !== 'worker.js' && file !== runtime,
          )
          if (others.length > 0)
            throw new Error(`${chunk.fileName} imports ${others.map(([, file]) => file)}, another part`)
          const begin = `export default({${taken('worker.js')}},{${taken(runtime)}})=>{`.padEnd(head.length)
          chunk.code = `${begin}${named(chunk.code.slice(head.length), returned)}`.replace(
            /(\n?\/\/# \S+\s*)?$/,
            '}$1',
          )
        }
        if (/\bimport[({]|from"/.test(chunk.code.replace(partLoader, '')))
          throw new Error(`${chunk.fileName} needs a file beside worker.js`)
      }
    },
  }
}

const runtime = 'worker-rolldown-runtime.js'
const returned = (pairs: string): string => `return{${pairs}}`

/** With another statement in place of what is exported. */
function named(code: string, statement: (pairs: string) => string): string {
  const exported = /export\{([^}]*)\};?(?=\s*(\/\/# \S+\s*)?$)/
  const names = exported.exec(code)?.[1]
  if (names === undefined) throw new Error('a file of the worker exports nothing')
  return code.replace(exported, () => statement(names.replaceAll(/([\w$]+) as ([\w$]+)/g, '$2:$1')))
}

/** Writes the addresses of the worker's parts into the page's script, where bundlers see them. */
export function partUrls(): Plugin {
  return {
    name: 'part-urls',
    apply: 'build',
    enforce: 'post',
    renderChunk(code) {
      if (!code.includes('globalThis.octavoPartUrls')) return null
      const urls = Object.keys(parts).map(
        (name) => `"worker-${name}.js":new URL("worker-${name}.js",import.meta.url).href`,
      )
      return { code: code.replace('globalThis.octavoPartUrls', `{${urls}}`), map: null }
    },
  }
}
