import type { Metadata } from '../util/metadata'
import { OctavoError } from '../util/octavo-error'

/** The numbers of a decoder, read from a file's metadata. */
export interface ModelConfig {
  readonly architecture: string
  readonly name: string
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  /** Width of the gated MLP. */
  readonly intermediate: number
  readonly normEpsilon: number
  readonly ropeBase: number
  /** Elements of a head that are rotated, from the first on. */
  readonly ropeDim: number
  /** Which elements turn together: neighbours (2i, 2i + 1), as in llama's GGUF files, or (i, i + ropeDim / 2). */
  readonly ropePairs: 'neighbours' | 'halves'
  /** Positions are divided by this (linear scaling); 1 for none. */
  readonly ropeScale: number
  /** Divisors of the frequencies, one for each pair, where the config gives a rule for them; else null. */
  readonly ropeFactors: readonly number[] | null
  /** Tokens that the model was trained for. */
  readonly contextLength: number
}

/** Architectures that the forward pass can run. */
const architectures: readonly string[] = ['llama']

const getAnotherFile = 'Download the file again, or choose another conversion of the model.'

function malformed(message: string): OctavoError {
  return new OctavoError('malformed-file', message, getAnotherFile)
}

/**
 * Reads the config of a model from GGUF metadata (keys as in the GGUF specification).
 *
 * @throws OctavoError 'unsupported-architecture', 'malformed-file'
 */
export function readMetadataConfig(metadata: Metadata): ModelConfig {
  const architecture = metadata.get('general.architecture')
  if (architecture === undefined)
    throw malformed('general.architecture is missing: this is not a model file.')
  if (typeof architecture !== 'string') throw malformed('general.architecture must be a string.')
  if (!architectures.includes(architecture)) {
    throw new OctavoError(
      'unsupported-architecture',
      `The architecture '${architecture}' is not supported.`,
      `Choose a model of one of these architectures: ${architectures.join(', ')}.`,
    )
  }
  const read = new MetadataReader(metadata, architecture)
  read.refuse('expert_count', (value) => value === 0, 'mixture-of-experts models are not supported')
  read.refuse('attention.sliding_window', (value) => value === 0, 'sliding windows are not supported')
  read.refuse('logit_scale', (value) => value === 1, 'scaled logits are not supported')
  read.refuse(
    'rope.scaling.type',
    (value) => value === 'none' || value === 'linear',
    'this RoPE scaling is not supported',
  )

  const heads = read.count('attention.head_count')
  const kvHeads = read.count('attention.head_count_kv', heads)
  checkHeadCounts(heads, kvHeads)
  const hidden = read.count('embedding_length')
  const headDim = read.count('attention.key_length', hidden / heads)
  if (read.count('attention.value_length', headDim) !== headDim) {
    throw malformed(`${architecture}.attention.value_length differs from key_length, which is not supported.`)
  }
  checkHeadDim(headDim)
  const ropeDim = read.count('rope.dimension_count', headDim)
  if (ropeDim > headDim || ropeDim % 2 !== 0) {
    throw malformed(`${architecture}.rope.dimension_count is ${ropeDim}, but a head has ${headDim} elements.`)
  }
  const linear = metadata.get(`${architecture}.rope.scaling.type`) === 'linear'
  return {
    architecture,
    name: text(metadata, 'general.name') ?? text(metadata, 'general.basename') ?? architecture,
    layers: read.count('block_count'),
    hidden,
    heads,
    kvHeads,
    headDim,
    intermediate: read.count('feed_forward_length'),
    normEpsilon: read.positive('attention.layer_norm_rms_epsilon', undefined),
    ropeBase: read.positive('rope.freq_base', 10000),
    ropeDim,
    ropeScale: linear ? read.positive('rope.scaling.factor', 1) : 1,
    ropePairs: 'neighbours',
    ropeFactors: null,
    contextLength: read.count('context_length'),
  }
}

/** What the attention kernels have room for. @throws OctavoError 'malformed-file' */
export function checkHeadCounts(heads: number, kvHeads: number): void {
  if (heads % kvHeads !== 0) {
    throw malformed(`attention.head_count ${heads} is not a multiple of head_count_kv ${kvHeads}.`)
  }
  // Scores of a prefill tile, a lane for each of them and 64 keys a split, fill the workgroup memory of any device.
  if (heads / kvHeads > 64) {
    throw malformed(`${heads / kvHeads} query heads share a head of keys and values; up to 64 are supported.`)
  }
}

/** @throws OctavoError 'malformed-file' */
export function checkHeadDim(headDim: number): void {
  if (headDim % 4 !== 0 || headDim > 256) {
    throw malformed(`A head has ${headDim} elements; multiples of 4 up to 256 are supported.`)
  }
}

function text(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)
  return typeof value === 'string' && value !== '' ? value : undefined
}

class MetadataReader {
  constructor(
    readonly metadata: Metadata,
    readonly architecture: string,
  ) {}

  /** A whole number above zero. An array is taken where all its values agree. */
  count(name: string, fallback?: number): number {
    const key = `${this.architecture}.${name}`
    let value = this.metadata.get(key) ?? fallback
    if (value === undefined) throw malformed(`${key} is missing.`)
    if (typeof value === 'object') {
      const first = value[0]
      if (!Array.from(value as ArrayLike<unknown>).every((each) => each === first)) {
        throw malformed(`${key} differs from layer to layer, which is not supported.`)
      }
      value = first as number
    }
    if (typeof value !== 'number' || !Number.isInteger(value) || value <= 0) {
      throw malformed(`${key} is ${String(value)}, not a whole number above 0.`)
    }
    return value
  }

  positive(name: string, fallback: number | undefined): number {
    const key = `${this.architecture}.${name}`
    const value = this.metadata.get(key) ?? fallback
    if (value === undefined) throw malformed(`${key} is missing.`)
    if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value)) {
      throw malformed(`${key} is ${String(value)}, not a positive number.`)
    }
    return value
  }

  refuse(name: string, harmless: (value: unknown) => boolean, why: string): void {
    const key = `${this.architecture}.${name}`
    const value = this.metadata.get(key)
    if (value !== undefined && !harmless(value)) {
      throw new OctavoError(
        'unsupported-architecture',
        `${key} is ${String(value)}: ${why}.`,
        'Choose another model.',
      )
    }
  }
}
