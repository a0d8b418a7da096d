import { ConfigReader, isObject, malformedConfig, shown, unsupported } from './config-reader'
import type { RopeDescription } from './rope'

export type LayerType = 'full_attention' | 'sliding_attention'

export interface RopeTraits {
  readonly headDim: number
  readonly pairs?: RopeDescription['pairs']
  readonly layerType?: LayerType
  /** What is read where the config does not say: Hub repos leave out their family's default. */
  readonly base?: number
  readonly slidingBase?: number
  readonly partial?: number
  /** Sliding layers turn at the plain frequencies of the same base, in configs that do not say it (transformers 4). */
  readonly slidingIsPlain?: boolean
}

/**
 * Reads how a layer's positions are told, from `rope_parameters` (transformers 5, flat or by layer type) or from
 * `rope_theta` and its like with `rope_scaling` (transformers 4).
 *
 * @throws OctavoError 'malformed-file', 'unsupported-architecture'
 */
export function readRope(config: ConfigReader, traits: RopeTraits): RopeDescription {
  const rope = readUnchecked(config, traits)
  const numbers = [...rope.frequencies, ...(rope.long?.frequencies ?? []), rope.magnitude]
  if (!numbers.every(Number.isFinite)) {
    throw malformedConfig(`The RoPE parameters of ${config.where} give angles that are no numbers.`)
  }
  return rope
}

function readUnchecked(config: ConfigReader, traits: RopeTraits): RopeDescription {
  const { headDim, pairs = 'halves' } = traits
  const scaling = scalingOf(config, traits)
  const partial = scaling.positive('partial_rotary_factor', traits.partial ?? 1)
  const type = scaling.json.rope_type ?? scaling.json.type ?? 'default'
  const proportional = type === 'proportional'
  // Proportional frequencies are those of the whole head; pairs past the share stand still.
  const dim = proportional ? headDim : Math.floor(headDim * partial)
  if (dim > headDim || dim % 2 !== 0 || dim === 0) {
    throw unsupported(`${dim} of a head’s ${headDim} elements are rotated; an even number is supported.`)
  }
  const base = scaling.positive('rope_theta', traits.base ?? 10000)
  const plain = Array.from({ length: dim / 2 }, (_, pair) => base ** ((-2 * pair) / dim))
  const rope: RopeDescription = {
    headDim,
    dim,
    pairs,
    frequencies: plain,
    long: null,
    magnitude: 1,
    divisors: config.container === 'gguf' ? 'rope_freqs' : null,
  }
  switch (type) {
    case 'default':
    case 'none':
    // Time, height and width are one number in a text.
    case 'mrope':
      return rope
    case 'dynamic': {
      // Takes effect past the context that the model was trained for, where Octavo stops; Hunyuan's, with alpha, always.
      const alpha = scaling.positive('alpha', 1)
      const stretched = base * alpha ** (dim / (dim - 2))
      return { ...rope, frequencies: plain.map((_, pair) => stretched ** ((-2 * pair) / dim)) }
    }
    case 'linear': {
      const factor = scaling.positive('factor', 1)
      return { ...rope, frequencies: plain.map((frequency) => frequency / factor) }
    }
    case 'proportional': {
      const turning = Math.floor((partial * headDim) / 2)
      const factor = scaling.positive('factor', 1)
      return {
        ...rope,
        frequencies: plain.map((frequency, pair) => (pair < turning ? frequency / factor : 0)),
      }
    }
    case 'llama3':
      return { ...rope, frequencies: llama3(scaling, plain) }
    case 'yarn':
      return { ...rope, ...yarn(config, scaling, plain, base) }
    case 'longrope':
    case 'su':
      return { ...rope, ...longRope(config, scaling, plain) }
    default:
      throw unsupported(
        `${config.where} has RoPE scaling ${shown(type)}; default, linear, dynamic, llama3, yarn, longrope and proportional are supported.`,
      )
  }
}

/** All that is said of RoPE, in the fields of transformers 5. */
function scalingOf(config: ConfigReader, traits: RopeTraits): ConfigReader {
  const { json } = config
  const sliding = traits.layerType === 'sliding_attention'
  const reader = (fields: ConfigReader['json']) =>
    new ConfigReader(fields, `the rope_parameters of ${config.where}`, config.container, config.nameOf)
  for (const field of ['rope_parameters', 'rope_scaling']) {
    if (config.has(field) && !isObject(json[field]))
      throw malformedConfig(`${config.nameOf(field)} in ${config.where} is not an object.`)
  }
  if (isObject(json.rope_parameters)) {
    const given = json.rope_parameters
    const own = given[traits.layerType ?? 'full_attention']
    // Some repos were written in between: parameters without the base.
    return reader({ ...legacyOf(json, sliding ? traits : null), ...(isObject(own) ? own : given) })
  }
  const local = sliding && (config.has('rope_local_base_freq') || config.has('local_rope_theta'))
  const scaling =
    isObject(json.rope_scaling) && !local && !(sliding && traits.slidingIsPlain) ? json.rope_scaling : {}
  return reader({ ...legacyOf(json, sliding ? traits : null), ...scaling })
}

/** `sliding`: the traits, for a layer with a window. */
function legacyOf(json: ConfigReader['json'], sliding: RopeTraits | null): ConfigReader['json'] {
  const local = sliding
    ? (json.rope_local_base_freq ?? json.local_rope_theta ?? sliding.slidingBase)
    : undefined
  return {
    rope_theta: local ?? json.rope_theta ?? json.global_rope_theta ?? json.rotary_emb_base,
    partial_rotary_factor: json.partial_rotary_factor ?? json.rotary_pct,
  }
}

/**
 * Llama 3.1's scaling: long waves are slowed down by `factor`, short ones stay, those between are blended
 * (transformers, `_compute_llama3_parameters`).
 */
function llama3(read: ConfigReader, plain: readonly number[]): readonly number[] {
  const factor = read.positive('factor')
  const low = read.positive('low_freq_factor')
  const high = read.positive('high_freq_factor')
  const original = read.count('original_max_position_embeddings')
  if (high <= low) {
    throw malformedConfig(`${read.where}: high_freq_factor ${high} is not above low_freq_factor ${low}.`)
  }
  return plain.map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency
    if (wavelength > original / low) return frequency / factor
    if (wavelength < original / high) return frequency
    const smooth = (original / wavelength - low) / (high - low)
    return ((1 - smooth) * frequency) / factor + smooth * frequency
  })
}

const yarnMagnitude = (factor: number, mscale: number) =>
  factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1

/**
 * What DeepSeek's models multiply scores by besides, where YaRN has an `mscale_all_dim`: its magnitude for queries and
 * for keys, over all elements.
 */
export function yarnGrowth(config: ConfigReader): number {
  const read = scalingOf(config, { headDim: 0 })
  const mscale = read.some('mscale_all_dim')
  return mscale === null ? 1 : yarnMagnitude(read.positive('factor'), mscale) ** 2
}

/** YaRN: pairs that turn often within the original context stay, slow ones are stretched (Peng et al. 2023). */
function yarn(
  config: ConfigReader,
  read: ConfigReader,
  plain: readonly number[],
  base: number,
): Pick<RopeDescription, 'frequencies' | 'magnitude'> {
  const dim = 2 * plain.length
  const original = read.has('original_max_position_embeddings')
    ? read.count('original_max_position_embeddings')
    : config.count('max_position_embeddings')
  const factor = read.positive('factor')
  const pairThatTurns = (times: number) =>
    (dim * Math.log(original / (times * 2 * Math.PI))) / (2 * Math.log(base))
  const whole = read.flag('truncate', true)
  const fast = pairThatTurns(read.positive('beta_fast', 32))
  const slow = pairThatTurns(read.positive('beta_slow', 1))
  const low = Math.max(0, whole ? Math.floor(fast) : fast)
  const high = Math.min(dim - 1, whole ? Math.ceil(slow) : slow)
  const span = high === low ? 0.001 : high - low
  const byScale = read.some('mscale') !== null && read.some('mscale_all_dim') !== null
  const magnitude = byScale
    ? yarnMagnitude(factor, read.positive('mscale')) / yarnMagnitude(factor, read.positive('mscale_all_dim'))
    : yarnMagnitude(factor, 1)
  return {
    frequencies: plain.map((frequency, pair) => {
      const stretched = Math.min(1, Math.max(0, (pair - low) / span))
      return frequency * (1 - stretched) + (frequency / factor) * stretched
    }),
    magnitude: read.positive('attention_factor', magnitude),
  }
}

/**
 * LongRoPE: a divisor for each pair, one list for contexts as the model was first trained for and one for longer ones.
 * Which of them is taken is a property of the engine's context, not of a sequence, since keys are kept turned.
 */
function longRope(
  config: ConfigReader,
  read: ConfigReader,
  plain: readonly number[],
): Pick<RopeDescription, 'frequencies' | 'long' | 'magnitude'> {
  const name = 'original_max_position_embeddings'
  const original = config.has(name) ? config.count(name) : read.count(name)
  const factor = config.count('max_position_embeddings') / original
  const divided = (field: string) => {
    const divisors = read.numbers(field, plain.length)
    if (divisors.some((divisor) => divisor <= 0)) throw read.wrong(field, 'a list of numbers above 0')
    return plain.map((frequency, pair) => frequency / divisors[pair]!)
  }
  const magnitude = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original))
  return {
    frequencies: divided('short_factor'),
    long: { above: original, frequencies: divided('long_factor') },
    magnitude: read.positive('attention_factor', magnitude),
  }
}
