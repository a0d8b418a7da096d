import type { JsonObject, ModelHeader } from '../util/model-file'
import { sha256 } from '../util/sha256'
import type { ChunkedFile } from './chunked-file'
import { readGgufHeader } from './gguf'
import { inParallel } from './in-parallel'
import { joinGguf, joinSafetensors } from './join-headers'
import type { ModelFiles } from './model-files'
import type { Search } from './model-folder'
import { readModuleHeader, readModules } from './modules'
import { readBeginning, readWhole } from './read-file'
import { parseText, repoTexts, type TextName, textLimits } from './repo-texts'
import { readSafetensorsHeader } from './safetensors'
import { textPart } from './text-part'

/** Twice the largest that is known, a vocabulary of 262,144 tokens with its merges and some room. */
const mostGgufBytes = 64_000_000
/** Of tensors only, some 200,000; the format's own limit is 100 MB, which would not fit into a page's memory parsed. */
const mostSafetensorsBytes = 25_000_000

/** What a model's files say of it before any weight is read. */
export interface ReadModel {
  readonly header: ModelHeader
  /** SHA-256 of its config.json; null for GGUF, which holds it. */
  readonly config: string | null
}

/**
 * Reads the beginnings of a model's files and the texts beside them.
 *
 * @throws OctavoError 'malformed-file', 'unsupported-tensor-type', and what fetching throws
 */
export async function readModel(files: ModelFiles, search: Search): Promise<ReadModel> {
  const { weights, index, modules } = files
  const { signal, parallel } = search
  if (files.kind === 'gguf') {
    const parts = await inParallel(weights, parallel, signal, async (file, each) => ({
      name: file.name,
      header: await readBeginning(file, readGgufHeader, mostGgufBytes, each),
    }))
    return { header: joinGguf(parts), config: null }
  }
  const { texts, config } = await readTexts(files.texts, signal, parallel)
  const readHeaderOf = (file: ChunkedFile) => {
    const module = modules?.find((each) => each.weights === file)
    return module ? readModuleHeader(module.path) : readSafetensorsHeader
  }
  const shards = await inParallel(weights, parallel, signal, async (file, each) => ({
    name: file.name,
    bytes: file.bytes,
    tensors: await readBeginning(file, readHeaderOf(file), mostSafetensorsBytes, each),
  }))
  const read = modules && (await readModules(modules, search))
  return { header: textPart(joinSafetensors(shards, index, repoTexts(texts, read))), config }
}

async function readTexts(
  files: ReadonlyMap<TextName, ChunkedFile>,
  signal: AbortSignal,
  parallel: number,
): Promise<{ texts: ReadonlyMap<TextName, JsonObject | string>; config: string | null }> {
  let config: string | null = null
  const texts = await inParallel([...files], parallel, signal, async ([name, file], each) => {
    const parse = async (bytes: Uint8Array<ArrayBuffer>) => {
      if (name === 'config.json') config = await sha256(bytes)
      return [name, parseText(name, bytes, file.name)] as const
    }
    return readWhole(file, parse, textLimits[name], each)
  })
  return { texts: new Map(texts), config }
}
