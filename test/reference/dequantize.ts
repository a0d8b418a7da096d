import { type BlockType, half, nibble } from './block'
import { iqBlockTypes } from './dequantize-iq'

/** Weights of raw blocks in a file's order, and for each the sum of the magnitudes that it was added up from. */
export interface Dequantized {
  readonly values: Float64Array
  readonly magnitudes: Float64Array
}

/** Bit i from byte `at` on, lowest first. */
function bit(data: DataView, at: number, i: number): number {
  return (data.getUint8(at + Math.floor(i / 8)) >> (i % 8)) % 2
}

/** (d·s)·q and −dmin·m of Q4_K and Q5_K, whose nibbles begin at `nibbles`; a pair (s, m) for each 32 weights. */
function kTerms(data: DataView, at: number, i: number, nibbles: number, highBit: number): readonly number[] {
  const byte = data.getUint8(nibbles + 32 * Math.floor(i / 64) + (i % 32))
  const q = (i % 64 < 32 ? byte % 16 : byte >> 4) + 16 * highBit
  const j = Math.floor(i / 32)
  const p = (k: number) => data.getUint8(at + 4 + k)
  const s = j < 4 ? p(j) % 64 : (p(j + 4) % 16) + 16 * (p(j - 4) >> 6)
  const m = j < 4 ? p(j + 4) % 64 : (p(j + 4) >> 4) + 16 * (p(j) >> 6)
  return [half(data, at) * s * q, -half(data, at + 2) * m]
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
    terms: (data, at, i) => [half(data, at) * (nibble(data, at + 6, i) + 16 * bit(data, at + 2, i) - 16)],
  },
  Q5_1: {
    weights: 32,
    bytes: 24,
    terms: (data, at, i) => [
      half(data, at) * (nibble(data, at + 8, i) + 16 * bit(data, at + 4, i)),
      half(data, at + 2),
    ],
  },
  Q8_0: { weights: 32, bytes: 34, terms: (data, at, i) => [half(data, at) * data.getInt8(at + 2 + i)] },
  Q4_K: { weights: 256, bytes: 144, terms: (data, at, i) => kTerms(data, at, i, at + 16, 0) },
  Q5_K: {
    weights: 256,
    bytes: 176,
    terms: (data, at, i) => {
      const highBit = (data.getUint8(at + 16 + (i % 32)) >> Math.floor(i / 32)) % 2
      return kTerms(data, at, i, at + 48, highBit)
    },
  },
  ...iqBlockTypes,
  Q6_K: {
    weights: 256,
    bytes: 210,
    terms: (data, at, i) => {
      const part = Math.floor(i / 128)
      const quarter = Math.floor((i % 128) / 32)
      const j = i % 32
      const low = data.getUint8(at + 64 * part + 32 * (quarter % 2) + j)
      const high = data.getUint8(at + 128 + 32 * part + j)
      const code = (quarter < 2 ? low % 16 : low >> 4) + 16 * ((high >> (2 * quarter)) % 4)
      return [half(data, at + 208) * data.getInt8(at + 192 + Math.floor(i / 16)) * (code - 32)]
    },
  },
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
