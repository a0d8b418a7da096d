import type { Json, JsonObject, SafetensorsHeader } from '../util/model-file'
import { malformed } from './malformed'

/** What repos of models that see or hear put before the names of their text model's tensors, and what a text model's own repo has. */
const prefixes: readonly (readonly [RegExp, string])[] = [
  [/^model\.(?:language_model|text_model)\./, 'model.'],
  [/^language_model\./, ''],
]

/** Tensors that turn images and sounds into rows of the text model. */
const otherParts =
  /^(?:model\.)?(?:vision_tower|vision_model|visual|vision_embed_tokens|vision_encoder|image_newline|multi_modal_projector|connector|audio_tower|embed_vision|embed_audio)(?:\.|$)/

/** What the outer config says of the whole repo; the text model's own has the last word on anything else. */
const outerFields = [
  'architectures',
  '_name_or_path',
  'bos_token_id',
  'eos_token_id',
  'quantization',
  'quantization_config',
] as const

/**
 * A repo of a model that reads images or sounds too, as that of its text model alone: `text_config` is its config, and its tensors
 * are named as in a text model's own repo. Other headers stay as they are.
 *
 * For texts alone such models compute what their text model does: the positions that Qwen's keep for time, height and width
 * are one number then (Bai et al. 2025, arXiv:2502.13923).
 *
 * @throws OctavoError 'malformed-file' where two tensors would have one name
 */
export function textPart(header: SafetensorsHeader): SafetensorsHeader {
  const { config } = header.texts
  const inner = objectOf(config.text_config)
  if (!inner && !objectOf(config.vision_config)) return header
  const outer: { [field: string]: Json | undefined } = {}
  for (const field of outerFields) if (config[field] !== undefined) outer[field] = renamed(config[field])
  const tensors = header.tensors
    .filter(({ name }) => !otherParts.test(name))
    .map((tensor) => ({ ...tensor, name: textName(tensor.name) }))
  const names = new Set<string>()
  for (const { name } of tensors) {
    if (names.has(name)) throw malformed(`The repo has two tensors that its text model would call '${name}'.`)
    names.add(name)
  }
  return { ...header, tensors, texts: { ...header.texts, config: { ...config, ...inner, ...outer } } }
}

function textName(name: string): string {
  for (const [prefix, own] of prefixes) if (prefix.test(name)) return name.replace(prefix, own)
  return name
}

/** What a config says of quantization, which may be said by the names of matrices. */
function renamed(value: Json | undefined): Json | undefined {
  const fields = objectOf(value)
  if (!fields)
    return Array.isArray(value)
      ? value.map((each) => (typeof each === 'string' ? textName(each) : each))
      : value
  return Object.fromEntries(Object.entries(fields).map(([name, each]) => [textName(name), renamed(each)]))
}

function objectOf(value: Json | undefined): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
}
