import type { JsonObject, RepoModule, RepoTexts } from '../util/model-file'
import { decodeText, parseJson } from './json-text'
import { malformed } from './malformed'

const megabyte = 1_000_000

/** The small files beside the weights that are read, and how many bytes each may have. */
export const textLimits = {
  'config.json': 4 * megabyte,
  'generation_config.json': megabyte,
  // Of 262,144 tokens with their merges: 33 MB.
  'tokenizer.json': 64 * megabyte,
  'tokenizer_config.json': 16 * megabyte,
  'chat_template.jinja': 4 * megabyte,
  'chat_template.json': 4 * megabyte,
  'sentence_bert_config.json': megabyte,
  'config_sentence_transformers.json': megabyte,
} as const

export type TextName = keyof typeof textLimits

/**
 * One of the texts: an object, or the template itself.
 *
 * @param path for errors, with its folder
 * @throws OctavoError 'malformed-file'
 */
export function parseText(name: TextName, bytes: Uint8Array, path: string): JsonObject | string {
  if (name === 'chat_template.jinja') return decodeText(bytes, path)
  return parseObject(bytes, path)
}

/** A JSON file that is an object. @throws OctavoError 'malformed-file' */
export function parseObject(bytes: Uint8Array, path: string): JsonObject {
  const value = parseJson(bytes, path)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(`${path} is not a JSON object.`)
  }
  return value as JsonObject
}

export function repoTexts(
  texts: ReadonlyMap<TextName, JsonObject | string>,
  modules: readonly RepoModule[] | null,
): RepoTexts {
  const object = (name: TextName) => {
    const text = texts.get(name)
    return typeof text === 'object' ? text : null
  }
  const jinja = texts.get('chat_template.jinja') ?? object('chat_template.json')?.chat_template
  return {
    config: object('config.json') ?? {},
    tokenizer: object('tokenizer.json'),
    tokenizerConfig: object('tokenizer_config.json'),
    generationConfig: object('generation_config.json'),
    chatTemplate: typeof jinja === 'string' ? jinja : null,
    sentenceTransformers: {
      modules,
      settings: object('sentence_bert_config.json'),
      config: object('config_sentence_transformers.json'),
    },
  }
}
