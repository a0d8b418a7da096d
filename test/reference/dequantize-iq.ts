import { type BlockType, half, nibble } from './block'

const iq4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
const fp4 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

/** An unsigned float of 4 bits of exponent and 3 of mantissa; what would be NaN is 0. */
function e4m3(byte: number): number {
  const [exponent, mantissa] = [Math.floor((byte % 128) / 8), byte % 8]
  if (byte % 128 === 127) return 0
  return exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10)
}

/** ggml's types of four bits whose codes index a table of 16 numbers. */
export const iqBlockTypes: Readonly<Record<string, BlockType>> = {
  IQ4_NL: {
    weights: 32,
    bytes: 18,
    terms: (data, at, i) => [half(data, at) * iq4[nibble(data, at + 2, i)]!],
  },
  IQ4_XS: {
    weights: 256,
    bytes: 136,
    terms: (data, at, i) => {
      const j = Math.floor(i / 32)
      const low = (data.getUint8(at + 4 + Math.floor(j / 2)) >> (4 * (j % 2))) % 16
      const s = low + 16 * ((data.getUint16(at + 2, true) >> (2 * j)) % 4) - 32
      return [half(data, at) * s * iq4[nibble(data, at + 8 + 16 * j, i % 32)]!]
    },
  },
  MXFP4: {
    weights: 32,
    bytes: 17,
    terms: (data, at, i) => [2 ** (data.getUint8(at) - 128) * fp4[nibble(data, at + 1, i)]!],
  },
  NVFP4: {
    weights: 64,
    bytes: 36,
    terms: (data, at, i) => {
      const run = Math.floor(i / 16)
      const byte = data.getUint8(at + 4 + 8 * run + (i % 8))
      return [e4m3(data.getUint8(at + run)) * 0.5 * fp4[i % 16 < 8 ? byte % 16 : byte >> 4]!]
    },
  },
}
