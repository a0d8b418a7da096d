import type { RepoModule } from '../util/model-file'
import type { ChunkedFile } from './chunked-file'
import { inParallel } from './in-parallel'
import { parseJson } from './json-text'
import { malformed } from './malformed'
import type { ModelFolder, Search } from './model-folder'
import { readWhole } from './read-file'
import { parseObject } from './repo-texts'
import { readSafetensorsHeader } from './safetensors'

const mostListBytes = 100_000
const mostConfigBytes = 1_000_000
const mostModules = 16

/** A module of sentence-transformers, as modules.json lists it, and the files of its folder. */
export interface ModuleFiles {
  /** The class: `sentence_transformers.models.Pooling`. */
  readonly type: string
  /** Its folder, below that of the model; '' for the model itself. */
  readonly path: string
  readonly config: ChunkedFile | null
  readonly weights: ChunkedFile | null
}

/**
 * The modules that a model's vectors go through, where the repo has a modules.json; null where it has none.
 *
 * @param base the model's folder with its slash
 * @throws OctavoError 'malformed-file'
 */
export async function findModules(
  folder: ModelFolder,
  base: string,
  { signal, parallel }: Search,
): Promise<readonly ModuleFiles[] | null> {
  const list = await folder.find(`${base}modules.json`, signal)
  if (!list) return null
  const modules = await readWhole(list, (bytes) => parseModules(bytes, list.name), mostListBytes, signal)
  return inParallel(modules, parallel, signal, async ({ type, path }, each) => {
    const find = (name: string) => folder.find(`${base}${path}/${name}`, each)
    if (path === '') return { type, path, config: null, weights: null }
    return { type, path, config: await find('config.json'), weights: await find('model.safetensors') }
  })
}

function parseModules(bytes: Uint8Array, name: string): { type: string; path: string }[] {
  const list = parseJson(bytes, name)
  if (!Array.isArray(list) || list.length === 0 || list.length > mostModules) {
    throw malformed(`${name} is not a list of 1 to ${mostModules} modules.`)
  }
  return list.map((entry, i) => {
    const { type, path } = (entry ?? {}) as { type?: unknown; path?: unknown }
    if (typeof type !== 'string') throw malformed(`${name}: module ${i} has no type.`)
    if (typeof path !== 'string' || !/^[\w.-]*$/.test(path) || path.startsWith('.')) {
      throw malformed(`${name}: module ${i} has no path that is the name of a folder.`)
    }
    return { type, path }
  })
}

/** @throws OctavoError 'malformed-file' */
export function readModules(
  modules: readonly ModuleFiles[],
  { signal, parallel }: Search,
): Promise<RepoModule[]> {
  return inParallel(modules, parallel, signal, async ({ type, path, config }, each) => {
    const parse = (bytes: Uint8Array) => parseObject(bytes, config!.name)
    return { type, path, config: config && (await readWhole(config, parse, mostConfigBytes, each)) }
  })
}

/** The header of a module's weights, its tensors named behind the module's folder: several modules have a `linear.weight`. */
export function readModuleHeader(path: string): typeof readSafetensorsHeader {
  return (bytes, fileBytes) =>
    readSafetensorsHeader(bytes, fileBytes).map((tensor) => ({ ...tensor, name: `${path}/${tensor.name}` }))
}
