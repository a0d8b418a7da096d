import type { KvFormat } from '../../src/util/kv-format'
import { quantizeRow } from './kv_cache'

/** The numbers of a llama-like decoder, as this reference reads them. */
export interface LlamaShape {
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly intermediate: number
  readonly vocab: number
  readonly normEpsilon: number
  readonly ropeBase: number
  /** Elements of a head that turn, from the first on. */
  readonly ropeDim: number
  readonly ropeScale: number
  /** Whether `rope_freqs.weight` divides the frequencies. */
  readonly ropeFactors: boolean
}

/** Matrices are [rows, columns], by their names in the GGUF file. */
export type LlamaWeights = ReadonlyMap<string, Float64Array>

/**
 * Logits after every token: llama's forward pass (Touvron et al. 2023, arXiv:2302.13971) in doubles, one token after
 * the other, with neighbouring elements as RoPE's pairs, as llama's GGUF files order them.
 */
export function llamaLogits(
  shape: LlamaShape,
  weights: LlamaWeights,
  ids: readonly number[],
  cache: KvFormat,
): Float64Array[] {
  const weight = (name: string) => {
    const values = weights.get(`${name}.weight`)
    if (!values) throw new Error(`no tensor ${name}`)
    return values
  }
  const keys: Float64Array[][] = Array.from({ length: shape.layers }, () => [])
  const values: Float64Array[][] = Array.from({ length: shape.layers }, () => [])
  const embedding = weight('token_embd')
  const output = weights.has('output.weight') ? weight('output') : embedding
  const factors = shape.ropeFactors ? weight('rope_freqs') : null

  return ids.map((id, position) => {
    const x = embedding.slice(id * shape.hidden, (id + 1) * shape.hidden)
    for (let i = 0; i < shape.layers; i++) {
      const name = (part: string) => `blk.${i}.${part}`
      const normed = norm(x, weight(name('attn_norm')), shape.normEpsilon)
      const q = multiply(weight(name('attn_q')), normed)
      const k = multiply(weight(name('attn_k')), normed)
      turn(q, position, shape, factors)
      turn(k, position, shape, factors)
      keys[i]!.push(stored(k, cache, shape.headDim))
      values[i]!.push(stored(multiply(weight(name('attn_v')), normed), cache, shape.headDim))
      const attended = attend(q, keys[i]!, values[i]!, shape)
      add(x, multiply(weight(name('attn_output')), attended))
      const mlp = norm(x, weight(name('ffn_norm')), shape.normEpsilon)
      const up = multiply(weight(name('ffn_up')), mlp)
      const gated = multiply(weight(name('ffn_gate')), mlp).map((g, j) => (g / (1 + Math.exp(-g))) * up[j]!)
      add(x, multiply(weight(name('ffn_down')), gated))
    }
    return multiply(output, norm(x, weight('output_norm'), shape.normEpsilon))
  })
}

function multiply(matrix: Float64Array, x: Float64Array): Float64Array {
  const y = new Float64Array(matrix.length / x.length)
  for (let row = 0; row < y.length; row++) {
    let sum = 0
    for (let column = 0; column < x.length; column++) sum += matrix[row * x.length + column]! * x[column]!
    y[row] = sum
  }
  return y
}

function norm(x: Float64Array, weight: Float64Array, epsilon: number): Float64Array {
  const square = x.reduce((sum, value) => sum + value * value, 0) / x.length
  return x.map((value, i) => (value / Math.sqrt(square + epsilon)) * weight[i]!)
}

function add(x: Float64Array, y: Float64Array): void {
  for (let i = 0; i < x.length; i++) x[i]! += y[i]!
}

/** Rotates the first `ropeDim` elements of every head, in place. */
function turn(x: Float64Array, position: number, shape: LlamaShape, factors: Float64Array | null): void {
  const { headDim, ropeDim, ropeBase, ropeScale } = shape
  for (let head = 0; head < x.length; head += headDim) {
    for (let pair = 0; pair < ropeDim / 2; pair++) {
      const divisor = ropeScale * (factors?.[pair] ?? 1) * ropeBase ** ((2 * pair) / ropeDim)
      const [cos, sin] = [Math.cos(position / divisor), Math.sin(position / divisor)]
      const [a, b] = [x[head + 2 * pair]!, x[head + 2 * pair + 1]!]
      x[head + 2 * pair] = a * cos - b * sin
      x[head + 2 * pair + 1] = a * sin + b * cos
    }
  }
}

/** Causal attention of the newest token over all keys; heads in groups share a head of keys and values. */
function attend(
  q: Float64Array,
  keys: readonly Float64Array[],
  values: readonly Float64Array[],
  { heads, kvHeads, headDim }: LlamaShape,
): Float64Array {
  const out = new Float64Array(heads * headDim)
  for (let head = 0; head < heads; head++) {
    const shared = Math.floor(head / (heads / kvHeads)) * headDim
    const scores = keys.map((key) => {
      let score = 0
      for (let d = 0; d < headDim; d++) score += q[head * headDim + d]! * key[shared + d]!
      return score / Math.sqrt(headDim)
    })
    const greatest = Math.max(...scores)
    const exponentials = scores.map((score) => Math.exp(score - greatest))
    const sum = exponentials.reduce((total, value) => total + value, 0)
    for (let d = 0; d < headDim; d++) {
      let total = 0
      for (let t = 0; t < values.length; t++) total += exponentials[t]! * values[t]![shared + d]!
      out[head * headDim + d] = total / sum
    }
  }
  return out
}

/** A token's keys or values of all kv heads as the cache keeps them. */
function stored(values: Float64Array, cache: KvFormat, headDim: number): Float64Array {
  if (cache === 'f32') return values.map(Math.fround)
  if (cache === 'f16') return values.map(toHalf)
  const kept = new Float64Array(values.length)
  for (let head = 0; head < values.length; head += headDim) {
    const row = quantizeRow(values.subarray(head, head + headDim), cache === 'int8' ? 8 : 4)
    row.levels.forEach((level, i) => {
      kept[head + i] = row.minimum + row.scale * level
    })
  }
  return kept
}

/** The nearest f16, ties to even; subnormals included, greatest values kept finite. */
function toHalf(value: number): number {
  const magnitude = Math.min(Math.abs(value), 65504)
  const step = 2 ** (Math.max(-14, Math.floor(Math.log2(magnitude || 1e-9))) - 10)
  const units = magnitude / step
  const floor = Math.floor(units)
  const up = units - floor > 0.5 || (units - floor === 0.5 && floor % 2 === 1)
  return Math.sign(value) * Math.min(65504, (floor + (up ? 1 : 0)) * step)
}
