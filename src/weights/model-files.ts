import { OctavoError } from '../util/octavo-error'
import { folderOf, isIndex, isSafetensors } from './choose-model'
import type { ChunkedFile } from './chunked-file'
import { inParallel } from './in-parallel'
import type { ModelFolder, Search } from './model-folder'
import { findModules, type ModuleFiles } from './modules'
import { partsOf } from './parts'
import { readWhole } from './read-file'
import { type TextName, textLimits } from './repo-texts'
import { readShardIndex } from './shard-index'

/** Which file of a model has which tensors, as its index says. */
export interface ShardIndex {
  readonly path: string
  /** Names of files, without the folder, by names of tensors. */
  readonly places: ReadonlyMap<string, string>
}

/** The files of a model, found and not read. */
export interface ModelFiles {
  readonly kind: 'gguf' | 'safetensors'
  /** In the order in which they are laid end to end; those of modules come last. */
  readonly weights: readonly ChunkedFile[]
  /** Of a safetensors model; config.json is always there. */
  readonly texts: ReadonlyMap<TextName, ChunkedFile>
  readonly index: ShardIndex | null
  /** Of a sentence-transformers model. */
  readonly modules: readonly ModuleFiles[] | null
}

/** A list of all tensors of the largest models has 9 MB. */
const mostIndexBytes = 32_000_000

/**
 * Finds the files of the model that `main` stands for: a GGUF file, or all parts of one that is split; a safetensors
 * file, or an index and what it names, the texts beside it, and the modules that its vectors go through.
 *
 * @throws OctavoError 'not-found', 'malformed-file'
 */
export async function findModelFiles(folder: ModelFolder, main: string, search: Search): Promise<ModelFiles> {
  const kind = isSafetensors(main) ? 'safetensors' : 'gguf'
  if (!isIndex(main)) {
    const names = partsOf(main)
    const why = `it is one of the ${names.length} parts of the model`
    const weights = await findAll(folder, names, why, search)
    if (kind === 'gguf') return { kind, weights, texts: new Map(), index: null, modules: null }
    return withModules({ weights, index: null }, folder, main, search)
  }
  const file = await folder.find(main, search.signal)
  if (!file) throw missing(main, 'it is the model’s index')
  const parse = (bytes: Uint8Array) => readShardIndex(bytes, main)
  const places = await readWhole(file, parse, mostIndexBytes, search.signal)
  const names = [...new Set(places.values())].sort().map((name) => folderOf(main) + name)
  const weights = await findAll(folder, names, `${main} names it`, search)
  return withModules({ weights, index: { path: main, places } }, folder, main, search)
}

async function withModules(
  { weights, index }: Pick<ModelFiles, 'weights' | 'index'>,
  folder: ModelFolder,
  main: string,
  search: Search,
): Promise<ModelFiles> {
  const texts = await findTexts(folder, main, search)
  const modules = await findModules(folder, folderOf(main), search)
  const own = modules?.flatMap((module) => module.weights ?? []) ?? []
  return { kind: 'safetensors', weights: [...weights, ...own], texts, index, modules }
}

function findAll(
  folder: ModelFolder,
  paths: readonly string[],
  why: string,
  { signal, parallel }: Search,
): Promise<ChunkedFile[]> {
  return inParallel(paths, parallel, signal, async (path, each) => {
    const found = await folder.find(path, each)
    if (!found) throw missing(path, why)
    return found
  })
}

async function findTexts(
  folder: ModelFolder,
  main: string,
  { signal, parallel }: Search,
): Promise<ReadonlyMap<TextName, ChunkedFile>> {
  const names = Object.keys(textLimits) as TextName[]
  const texts = new Map<TextName, ChunkedFile>()
  const found = await inParallel(names, parallel, signal, (name, each) =>
    folder.find(folderOf(main) + name, each),
  )
  found.forEach((file, i) => {
    if (file) texts.set(names[i]!, file)
  })
  if (!texts.has('config.json')) {
    throw missing(`${folderOf(main)}config.json`, 'it says what kind of model the safetensors file holds')
  }
  return texts
}

/** `why` has no full stop. */
function missing(path: string, why: string): OctavoError {
  return new OctavoError(
    'not-found',
    `${path} is missing: ${why}.`,
    'Choose a complete copy of the model; of files on your own disk, pick all of the model’s together.',
  )
}
