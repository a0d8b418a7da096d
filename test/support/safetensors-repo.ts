import type { JsonObject, SafetensorsHeader } from '../../src/util/model-file'
import { readSafetensorsHeader } from '../../src/weights/safetensors'

/** A safetensors repo whole in memory, its files laid end to end. */
export interface Repo {
  readonly header: SafetensorsHeader
  readonly bytes: Uint8Array<ArrayBuffer>
}

export async function fetchRepo(urls: readonly string[], config: JsonObject): Promise<Repo> {
  const files: Uint8Array<ArrayBuffer>[] = []
  for (const url of urls) files.push(new Uint8Array(await (await fetch(url)).arrayBuffer()))
  return makeRepo(files, config)
}

export function makeRepo(files: readonly Uint8Array<ArrayBuffer>[], config: JsonObject): Repo {
  const fileBytes = files.reduce((sum, { length }) => sum + length, 0)
  const bytes = new Uint8Array(fileBytes)
  const tensors: SafetensorsHeader['tensors'][number][] = []
  let at = 0
  for (const file of files) {
    for (const tensor of readSafetensorsHeader(file, file.length)) {
      tensors.push({ ...tensor, offset: at + tensor.offset })
    }
    bytes.set(file, at)
    at += file.length
  }
  const texts = {
    config,
    tokenizer: null,
    tokenizerConfig: null,
    generationConfig: null,
    chatTemplate: null,
    sentenceTransformers: { modules: null, settings: null, config: null },
  }
  return { header: { kind: 'safetensors', tensors, fileBytes, texts }, bytes }
}
