import { OctavoError } from '../util/octavo-error'
import { floatTypeOf } from './main-type'
import { partsOf } from './parts'

/** Parts of a repo that end in .gguf and are no models. */
const notModels = /(^|[/._-])(mmproj|imatrix|mtp-|eagle3-|dflash-|dspark-)/i
/** Safetensors files that are no model, or not in the names that config.json goes with. */
const notWhole = /(^|[/._-])(adapter|consolidated|optimizer|lora)/i
const checkpoint = /\.(bin|pt|pth|ckpt|pkl|pickle)$/i
const indexPattern = /\.safetensors\.index\.json$/i
const defaultQuants = ['Q4_K_M', 'Q8_0']

export function isSafetensors(path: string): boolean {
  return /\.safetensors$/i.test(path) || isIndex(path)
}

/** Whether the file says which tensor is in which of several safetensors files. */
export function isIndex(path: string): boolean {
  return indexPattern.test(path)
}

/** The folder of a path with its slash; '' for the root. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1)
}

/** The models among files, in GGUF by the first of their parts, in safetensors by the file that was asked for. */
export function modelsAmong(paths: readonly string[]): {
  gguf: readonly string[]
  safetensors: string | null
} {
  const isFirst = (path: string) => partsOf(path)[0] === path
  const gguf = paths.filter((path) => /\.gguf$/i.test(path) && !notModels.test(path) && isFirst(path)).sort()
  return { gguf, safetensors: safetensorsIn('', paths) }
}

/**
 * The file that a tag means among the files of a repo: a file of that name; else the first GGUF model whose name has
 * the tag before a dot or a dash, in any case; else, by `safetensors` or a type of floats, the repo's safetensors model.
 * Without a tag the GGUF model of Q4_K_M, Q8_0, or the first; else the safetensors model.
 *
 * @param where for errors: the repo's name
 * @throws OctavoError 'not-found'
 */
export function chooseModel(
  paths: readonly string[],
  { where, tag }: { readonly where: string; readonly tag: string | null },
): string {
  const { gguf, safetensors } = modelsAmong(paths)
  const byQuant = (quant: string) => {
    const pattern = new RegExp(`${quant.replaceAll(/[^\w]/g, '\\$&')}[.-]`, 'i')
    return gguf.find((path) => pattern.test(path.split('/').at(-1)!))
  }
  if (tag === null) {
    const chosen = defaultQuants.map(byQuant).find(Boolean) ?? gguf[0] ?? safetensors
    if (chosen) return chosen
    throw nothingToRead(paths, where)
  }
  const named = paths.find((path) => path.toLowerCase() === tag.toLowerCase())
  if (named !== undefined && checkpoint.test(named)) throw pickled(named, where)
  if (named !== undefined) return indexOver(named, paths) ?? named
  const ofTensors = tag.toLowerCase() === 'safetensors' || floatTypeOf(tag) !== undefined
  const chosen = byQuant(tag) ?? (ofTensors ? safetensors : undefined)
  if (chosen) return chosen
  const models = [...gguf, ...(safetensors ? [safetensors] : [])]
  if (models.length === 0) throw nothingToRead(paths, where)
  throw new OctavoError(
    'not-found',
    `${where} has no file for '${tag}'.`,
    `It has: ${models.slice(0, 20).join(', ')}.`,
  )
}

/** The index that a shard belongs to, where there is one. */
function indexOver(path: string, paths: readonly string[]): string | null {
  const prefix = /^(.+)-\d{5}-of-\d{5}\.safetensors$/i.exec(path)?.[1]
  const index = `${prefix}.safetensors.index.json`
  return prefix !== undefined && paths.includes(index) ? index : null
}

/** The one safetensors model of a folder, by the names that transformers looks for first. */
function safetensorsIn(folder: string, paths: readonly string[]): string | null {
  const inFolder = paths.filter((path) => folderOf(path) === folder)
  for (const name of ['model.safetensors', 'model.safetensors.index.json']) {
    if (inFolder.includes(folder + name)) return folder + name
  }
  const others = inFolder.filter(
    (path) =>
      isSafetensors(path) &&
      !notWhole.test(path) &&
      partsOf(path)[0] === path &&
      indexOver(path, inFolder) === null,
  )
  return others.length === 1 ? others[0]! : null
}

function nothingToRead(paths: readonly string[], where: string): OctavoError {
  const tensors = paths.filter(isSafetensors)
  if (tensors.length > 0) {
    const adapter = tensors.find((path) => /adapter/i.test(path))
    if (adapter) {
      return new OctavoError(
        'not-found',
        `${where} has no whole model: ${adapter} only changes another one.`,
        'Choose a repo into which the adapter has been merged.',
      )
    }
    return new OctavoError(
      'not-found',
      `${where} has several safetensors files, none of which is called model.safetensors.`,
      `Name one behind a colon: ${tensors.slice(0, 20).join(', ')}.`,
    )
  }
  const pickle = paths.find((path) => checkpoint.test(path))
  if (pickle) return pickled(pickle, where)
  return new OctavoError(
    'not-found',
    `${where} has no GGUF file and no model.safetensors.`,
    'Choose a repo with safetensors or GGUF files; names of the latter often end in “-GGUF”.',
  )
}

function pickled(path: string, where: string): OctavoError {
  return new OctavoError(
    'not-found',
    `${path} of ${where} is a PyTorch checkpoint: a program that runs when it is opened, which Octavo does not do.`,
    'Choose a conversion of the model to safetensors or GGUF. The Hub’s own may be at the revision refs/pr/1.',
  )
}
