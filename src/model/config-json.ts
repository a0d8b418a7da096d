import type { JsonObject } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'
import { checkHeadCounts, checkHeadDim, type ModelConfig } from './config'
import { isObject, JsonReader, malformedConfig } from './json-reader'

function unsupported(message: string): OctavoError {
  return new OctavoError('unsupported-architecture', message, 'Choose another model.')
}

/**
 * Reads a repo's config.json, in the spelling of transformers 5 (`rope_parameters`) or 4 (`rope_theta`, `rope_scaling`).
 *
 * @throws OctavoError 'unsupported-architecture', 'malformed-file'
 */
export function readConfigJson(config: JsonObject): ModelConfig {
  const read = new JsonReader(config, 'config.json')
  const architecture = read.text('model_type')
  if (architecture !== 'llama') {
    throw unsupported(
      `config.json has model_type '${architecture}'; of safetensors repos only 'llama' is supported.`,
    )
  }
  for (const bias of ['attention_bias', 'mlp_bias']) {
    if (config[bias] === true)
      throw unsupported(`config.json has ${bias}: matrices with biases are not supported.`)
  }
  const activation = config.hidden_act ?? 'silu'
  if (activation !== 'silu') {
    throw unsupported(`config.json has hidden_act ${JSON.stringify(activation)}; 'silu' is supported.`)
  }
  const heads = read.count('num_attention_heads')
  const kvHeads = read.count('num_key_value_heads', heads)
  checkHeadCounts(heads, kvHeads)
  const hidden = read.count('hidden_size')
  const headDim = read.count('head_dim', hidden / heads)
  checkHeadDim(headDim)
  const rope = readRope(config, read, headDim)
  return {
    architecture,
    name:
      typeof config._name_or_path === 'string' && config._name_or_path ? config._name_or_path : architecture,
    layers: read.count('num_hidden_layers'),
    hidden,
    heads,
    kvHeads,
    headDim,
    intermediate: read.count('intermediate_size'),
    normEpsilon: read.positive('rms_norm_eps'),
    ...rope,
    ropePairs: 'halves',
    contextLength: read.count('max_position_embeddings'),
  }
}

type RopeConfig = Pick<ModelConfig, 'ropeBase' | 'ropeDim' | 'ropeScale' | 'ropeFactors'>

function readRope(config: JsonObject, read: JsonReader, headDim: number): RopeConfig {
  const given = config.rope_parameters ?? config.rope_scaling ?? {}
  if (!isObject(given)) throw malformedConfig('rope_parameters in config.json is not an object.')
  const scaling = new JsonReader(given, 'the rope_parameters of config.json')
  const ropeBase =
    given.rope_theta === undefined ? read.positive('rope_theta', 10000) : scaling.positive('rope_theta')
  const partial = new JsonReader(
    { partial_rotary_factor: given.partial_rotary_factor ?? config.partial_rotary_factor ?? 1 },
    'config.json',
  ).positive('partial_rotary_factor')
  const ropeDim = Math.floor(headDim * partial)
  if (ropeDim > headDim || ropeDim % 8 !== 0 || ropeDim === 0) {
    throw unsupported(`${ropeDim} of a head’s ${headDim} elements are rotated; multiples of 8 are supported.`)
  }
  const type = given.rope_type ?? given.type ?? 'default'
  const plain = { ropeBase, ropeDim, ropeScale: 1, ropeFactors: null }
  if (type === 'default') return plain
  if (type === 'linear') return { ...plain, ropeScale: scaling.positive('factor') }
  if (type === 'llama3') return { ...plain, ropeFactors: llama3Factors(scaling, ropeBase, ropeDim) }
  throw unsupported(
    `config.json has RoPE scaling ${JSON.stringify(type)}; default, linear and llama3 are supported.`,
  )
}

/**
 * Llama 3.1's scaling: long waves are slowed down by `factor`, short ones stay, those between are blended
 * (transformers, `_compute_llama3_parameters`; the factors divide θᵢ = base^(−2i / dim)).
 */
function llama3Factors(read: JsonReader, base: number, dim: number): readonly number[] {
  const factor = read.positive('factor')
  const low = read.positive('low_freq_factor')
  const high = read.positive('high_freq_factor')
  const original = read.count('original_max_position_embeddings')
  if (high <= low)
    throw malformedConfig(`config.json: high_freq_factor ${high} is not above low_freq_factor ${low}.`)
  return Array.from({ length: dim / 2 }, (_, pair) => {
    const wavelength = 2 * Math.PI * base ** ((2 * pair) / dim)
    if (wavelength > original / low) return factor
    if (wavelength < original / high) return 1
    const smooth = (original / wavelength - low) / (high - low)
    return 1 / ((1 - smooth) / factor + smooth)
  })
}
