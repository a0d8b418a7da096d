import { type BertModel, bertEmbedding, type Linear, product } from '../test/reference/bert'
import { dequantize } from '../test/reference/dequantize'
import { quantizeQ4K, quantizeQ41, quantizeQ80, toHalf } from '../test/reference/quantize'

/** A way to store a matrix in fewer bits. */
interface Quantization {
  readonly name: string
  readonly bits: number
  /** The weights that it leaves; their number is a multiple of 256. */
  readonly store: (weights: Float32Array) => Float32Array
}

/** Runs of `length` weights, each by itself. */
function perGroup(length: number, store: (group: Float32Array) => Float32Array) {
  return (weights: Float32Array): Float32Array => {
    const stored = new Float32Array(weights.length)
    for (let at = 0; at < weights.length; at += length) {
      stored.set(store(weights.subarray(at, at + length)), at)
    }
    return stored
  }
}

const blocks = (type: string, quantize: (weights: Float32Array) => Uint8Array) => (weights: Float32Array) =>
  Float32Array.from(dequantize(type, quantize(weights)).values)

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value))
const squaredError = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0)

/** The weight of greatest magnitude. */
const peak = (weights: Float32Array) =>
  weights.reduce((most, weight) => (Math.abs(weight) > Math.abs(most) ? weight : most), 0)

/** d·q, q from −`below` to `above`. */
function symmetric(weights: Float32Array, scale: number, below: number, above: number): Float32Array {
  const d = toHalf(scale)
  return weights.map((weight) => (d === 0 ? 0 : d * clamp(Math.round(weight / d), -below, above)))
}

/** The best of nineteen scales, each bettered by least squares. */
function searched(weights: Float32Array): Float32Array {
  const most = peak(weights)
  let best = new Float32Array(weights.length)
  for (let top = 5.5; top <= 10; top += 0.25) {
    const d = -most / top
    const codes = weights.map((weight) => (d === 0 ? 0 : clamp(Math.round(weight / d), -8, 7)))
    const squares = codes.reduce((sum, q) => sum + q * q, 0)
    const fitted = toHalf(codes.reduce((sum, q, i) => sum + q * weights[i]!, 0) / (squares || 1))
    const stored = codes.map((q) => q * fitted)
    if (squaredError(stored, weights) < squaredError(best, weights)) best = stored
  }
  return best
}

/** Q6_K as ggml's fallback without an importance matrix sets it: a scale for 16 by the peak, eight bits of it kept. */
function sixBits(block: Float32Array): Float32Array {
  const scales = Array.from({ length: 16 }, (_, j) => -peak(block.subarray(16 * j, 16 * j + 16)) / 32)
  const d = toHalf(Math.max(...scales.map(Math.abs)) / 127)
  const kept = scales.map((scale) => (d === 0 ? 0 : d * Math.round(scale / d)))
  return block.map((weight, i) => {
    const scale = kept[Math.floor(i / 16)]!
    return scale === 0 ? 0 : scale * clamp(Math.round(weight / scale), -32, 31)
  })
}

const tableOfNl = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

/** IQ4_NL: the best of eight scales. */
function table(weights: Float32Array): Float32Array {
  let best = new Float32Array(weights.length)
  for (const top of [-127, -120, -113, -105, 105, 113, 120, 127]) {
    const d = peak(weights) / top
    const codes = weights.map((weight) =>
      tableOfNl.reduce((near, entry) =>
        Math.abs(entry * d - weight) < Math.abs(near * d - weight) ? entry : near,
      ),
    )
    const squares = codes.reduce((sum, q) => sum + q * q, 0)
    const fitted = toHalf(codes.reduce((sum, q, i) => sum + q * weights[i]!, 0) / squares)
    const stored = codes.map((q) => q * fitted)
    if (squaredError(stored, weights) < squaredError(best, weights)) best = stored
  }
  return best
}

export const quantizations: readonly Quantization[] = [
  {
    name: 'symmetric, −7 … 7 by the peak',
    bits: 4.5,
    store: perGroup(32, (x) => symmetric(x, Math.abs(peak(x)) / 7, 7, 7)),
  },
  {
    name: 'symmetric, peak at −8 (Q4_0 of ggml)',
    bits: 4.5,
    store: perGroup(32, (x) => symmetric(x, -peak(x) / 8, 8, 7)),
  },
  { name: 'symmetric, best of 19 scales', bits: 4.5, store: perGroup(32, searched) },
  { name: 'table of IQ4_NL, best of 8 scales', bits: 4.5, store: perGroup(32, table) },
  { name: 'minimum, whole range (Q4_1)', bits: 5, store: blocks('Q4_1', (x) => quantizeQ41(x, [1])) },
  { name: 'minimum, best of 8 ranges (Q4_1)', bits: 5, store: blocks('Q4_1', (x) => quantizeQ41(x)) },
  { name: 'minimum, whole range (Q4_K)', bits: 4.5, store: blocks('Q4_K', (x) => quantizeQ4K(x, [1])) },
  { name: 'minimum, best of 8 ranges (Q4_K)', bits: 4.5, store: blocks('Q4_K', (x) => quantizeQ4K(x)) },
  { name: 'six bits (Q6_K)', bits: 6.5625, store: perGroup(256, sixBits) },
  { name: 'eight bits (Q8_0)', bits: 8.5, store: blocks('Q8_0', quantizeQ80) },
]

export interface QuantizationError {
  readonly name: string
  readonly bits: number
  /** ‖W − Ŵ‖ / ‖W‖ over all the matrices of layers */
  readonly weights: number
  /** ‖X(W − Ŵ)ᵀ‖ / ‖XWᵀ‖ where X is what the matrix gets in the f32 model: median and greatest over the matrices */
  readonly products: { readonly median: number; readonly greatest: number }
  /** Mean cosine between a text’s embedding and that of the f32 model, with every layer’s matrices quantized. */
  readonly cosine: number
}

/** How far off each way to quantize takes the matrices of a BERT, and its embeddings of `texts`, which are ids. */
export function measureInt4(model: BertModel, texts: readonly (readonly number[])[]): QuantizationError[] {
  const inputs = new Map<string, Float64Array[]>()
  const exact = texts.map((ids) =>
    bertEmbedding(model, ids, (name, x) => inputs.set(name, [...(inputs.get(name) ?? []), x])),
  )
  return quantizations.map(({ name, bits, store }) => {
    const stored = new Map<string, Linear>()
    let [error, size] = [0, 0]
    const products: number[] = []
    for (const [matrix, xs] of inputs) {
      const linear = model.matrix(matrix)
      const values = store(linear.values)
      stored.set(matrix, { ...linear, values })
      const difference = values.map((value, i) => value - linear.values[i]!)
      error += squares(difference)
      size += squares(linear.values)
      const off = xs.map((x) => squares(product(x, { ...linear, values: difference })))
      const whole = xs.map((x) => squares(product(x, linear)))
      products.push(Math.sqrt(sum(off) / sum(whole)))
    }
    products.sort((a, b) => a - b)
    const quantized: BertModel = { ...model, matrix: (matrix) => stored.get(matrix) ?? model.matrix(matrix) }
    const cosines = texts.map((ids, t) => {
      const embedding = bertEmbedding(quantized, ids)
      return embedding.reduce((total, value, i) => total + value * exact[t]![i]!, 0)
    })
    return {
      name,
      bits,
      weights: Math.sqrt(error / size),
      products: { median: products[products.length >> 1]!, greatest: products.at(-1)! },
      cosine: sum(cosines) / cosines.length,
    }
  })
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

function squares(values: Float32Array | Float64Array): number {
  let total = 0
  for (const value of values) total += value * value
  return total
}
