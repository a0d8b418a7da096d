import { parseJson } from './json-text'
import { malformed } from './malformed'
import { mostFiles } from './parts'

/**
 * Reads a model.safetensors.index.json: which tensor is in which of the files beside it. Its `total_size` is not
 * looked at; the files themselves say what they are.
 *
 * @returns names of files by names of tensors
 * @throws OctavoError 'malformed-file'
 */
export function readShardIndex(bytes: Uint8Array, name: string): ReadonlyMap<string, string> {
  const index = parseJson(bytes, name)
  const map = isObject(index) ? index.weight_map : undefined
  if (!isObject(map)) throw malformed(`${name} has no weight_map, which is an object of files by tensors.`)
  const places = new Map<string, string>()
  for (const [tensor, file] of Object.entries(map)) {
    if (typeof file !== 'string') throw malformed(`${name} names no file for the tensor '${tensor}'.`)
    places.set(tensor, file)
  }
  const files = new Set(places.values())
  if (files.size === 0) throw malformed(`${name} names no tensor in its weight_map.`)
  if (files.size > mostFiles) {
    throw malformed(`${name} names ${files.size} files: at most ${mostFiles} are read.`)
  }
  for (const file of files) checkFile(file, name)
  return places
}

/** A file in the same folder, and nothing else. */
function checkFile(file: string, name: string): void {
  const shown = `'${file.slice(0, 200)}'`
  if (/^[a-z][a-z\d+.-]*:/i.test(file)) throw malformed(`${name} names ${shown}, a URL instead of a file.`)
  if (/[\\/]/.test(file)) throw malformed(`${name} names ${shown}, which is outside the model’s folder.`)
  if (!/\.safetensors$/i.test(file)) throw malformed(`${name} names ${shown}, which is no safetensors file.`)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
