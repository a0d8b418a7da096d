import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { JsonObject, SafetensorsHeader } from '../../src/util/model-file'
import { readSafetensorsHeader } from '../../src/weights/safetensors'

/** All of the reference models where OCTAVO_GOLDEN names them, else what the project holds. */
export const archRoot = join(process.env.OCTAVO_GOLDEN ?? join(import.meta.dirname, '../golden'), 'arch')

function archBytes(path: string): Uint8Array {
  const file = join(archRoot, path)
  return existsSync(file) ? readFileSync(file) : gunzipSync(readFileSync(`${file}.gz`))
}

/** A text of a reference model, parsed. */
export function archJson(path: string) {
  return JSON.parse(new TextDecoder().decode(archBytes(path)))
}

/** The header of a reference model's repo. */
export function archHeader(name: string, config = 'config.json'): SafetensorsHeader {
  const file = new Uint8Array(archBytes(`${name}/model.safetensors`))
  const texts = {
    config: archJson(`${name}/${config}`) as JsonObject,
    tokenizer: null,
    tokenizerConfig: null,
    generationConfig: null,
    chatTemplate: null,
    sentenceTransformers: { modules: null, settings: null, config: null },
  }
  const tensors = readSafetensorsHeader(file, file.length)
  return { kind: 'safetensors', tensors, fileBytes: file.length, texts }
}
