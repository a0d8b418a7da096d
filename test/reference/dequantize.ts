import { type BlockType, code, half, nibble } from './block'
import { gridBlockTypes } from './dequantize-grid'
import { iqBlockTypes } from './dequantize-iq'
import { kBlockTypes } from './dequantize-k'

/** Weights of raw blocks in a file's order, and for each the sum of the magnitudes that it was added up from. */
export interface Dequantized {
  readonly values: Float64Array
  readonly magnitudes: Float64Array
}

/** ggml's block types, as `ggml-quants.c` defines them. */
export const blockTypes: Readonly<Record<string, BlockType>> = {
  F32: { weights: 1, bytes: 4, terms: (data, at) => [data.getFloat32(at, true)] },
  F16: { weights: 1, bytes: 2, terms: (data, at) => [half(data, at)] },
  BF16: {
    weights: 1,
    bytes: 2,
    terms: (data, at) => {
      const wide = new DataView(new ArrayBuffer(4))
      wide.setUint32(0, data.getUint16(at, true) * 65536)
      return [wide.getFloat32(0)]
    },
  },
  Q4_0: {
    weights: 32,
    bytes: 18,
    terms: (data, at, i) => [half(data, at) * (nibble(data, at + 2, i) - 8)],
  },
  Q4_1: {
    weights: 32,
    bytes: 20,
    terms: (data, at, i) => [half(data, at) * nibble(data, at + 4, i), half(data, at + 2)],
  },
  Q5_0: {
    weights: 32,
    bytes: 22,
    terms: (data, at, i) => [half(data, at) * (nibble(data, at + 6, i) + 16 * code(data, at + 2, 1, i) - 16)],
  },
  Q5_1: {
    weights: 32,
    bytes: 24,
    terms: (data, at, i) => [
      half(data, at) * (nibble(data, at + 8, i) + 16 * code(data, at + 4, 1, i)),
      half(data, at + 2),
    ],
  },
  Q8_0: { weights: 32, bytes: 34, terms: (data, at, i) => [half(data, at) * data.getInt8(at + 2 + i)] },
  ...kBlockTypes,
  ...iqBlockTypes,
  ...gridBlockTypes,
}

export function dequantize(type: string, raw: Uint8Array): Dequantized {
  const { weights, bytes, terms } = blockTypes[type]!
  const data = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
  const count = (raw.byteLength / bytes) * weights
  const values = new Float64Array(count)
  const magnitudes = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    for (const term of terms(data, Math.floor(i / weights) * bytes, i % weights)) {
      values[i]! += term
      magnitudes[i]! += Math.abs(term)
    }
  }
  return { values, magnitudes }
}
