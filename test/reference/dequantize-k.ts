import { type BlockType, code, half } from './block'

/** (d·s)·q and −dmin·m of Q4_K and Q5_K, whose nibbles begin at `nibbles`; a pair (s, m) for each 32 weights. */
function pairTerms(
  data: DataView,
  at: number,
  i: number,
  nibbles: number,
  highBit: number,
): readonly number[] {
  const byte = data.getUint8(nibbles + 32 * Math.floor(i / 64) + (i % 32))
  const q = (i % 64 < 32 ? byte % 16 : byte >> 4) + 16 * highBit
  const j = Math.floor(i / 32)
  const p = (k: number) => data.getUint8(at + 4 + k)
  const s = j < 4 ? p(j) % 64 : (p(j + 4) % 16) + 16 * (p(j - 4) >> 6)
  const m = j < 4 ? p(j + 4) % 64 : (p(j + 4) >> 4) + 16 * (p(j) >> 6)
  return [half(data, at) * s * q, -half(data, at + 2) * m]
}

/** Two bits of weight i: 32 bytes hold 128 weights, 32 in each two bits. */
function twoBits(data: DataView, at: number, i: number): number {
  const byte = data.getUint8(at + 32 * Math.floor(i / 128) + (i % 32))
  return (byte >> (2 * (Math.floor(i / 32) % 4))) % 4
}

/** A bit of weight i: 32 bytes hold 256 weights, 32 in each bit. */
function oneBit(data: DataView, at: number, i: number): number {
  return (data.getUint8(at + (i % 32)) >> Math.floor(i / 32)) % 2
}

/** Base-3 digit n of a byte of TQ1_0, which holds them as a fraction of 256. */
const digit = (byte: number, n: number) => Math.floor((((byte * 3 ** n) % 256) * 3) / 256)

/** ggml's types of super-blocks of 256, as `ggml-quants.c` defines them. */
export const kBlockTypes: Readonly<Record<string, BlockType>> = {
  Q2_K: {
    weights: 256,
    bytes: 84,
    terms: (data, at, i) => {
      const both = data.getUint8(at + Math.floor(i / 16))
      const q = twoBits(data, at + 16, i)
      return [half(data, at + 80) * (both % 16) * q, -half(data, at + 82) * (both >> 4)]
    },
  },
  Q3_K: {
    weights: 256,
    bytes: 110,
    terms: (data, at, i) => {
      const j = Math.floor(i / 16)
      const p = (k: number) => data.getUint8(at + 96 + k)
      const low = j < 8 ? p(j) % 16 : p(j - 8) >> 4
      const s = low + 16 * ((p(8 + (j % 4)) >> (2 * Math.floor(j / 4))) % 4) - 32
      const q = twoBits(data, at + 32, i) + (oneBit(data, at, i) ? 0 : -4)
      return [half(data, at + 108) * s * q]
    },
  },
  Q4_K: { weights: 256, bytes: 144, terms: (data, at, i) => pairTerms(data, at, i, at + 16, 0) },
  Q5_K: {
    weights: 256,
    bytes: 176,
    terms: (data, at, i) => pairTerms(data, at, i, at + 48, oneBit(data, at + 16, i)),
  },
  Q6_K: {
    weights: 256,
    bytes: 210,
    terms: (data, at, i) => {
      const part = Math.floor(i / 128)
      const quarter = Math.floor((i % 128) / 32)
      const low = data.getUint8(at + 64 * part + 32 * (quarter % 2) + (i % 32))
      const q = (quarter < 2 ? low % 16 : low >> 4) + 16 * twoBits(data, at + 128, i)
      return [half(data, at + 208) * data.getInt8(at + 192 + Math.floor(i / 16)) * (q - 32)]
    },
  },
  TQ1_0: {
    weights: 256,
    bytes: 54,
    terms: (data, at, i) => {
      const [byte, n] =
        i < 160
          ? [i % 32, Math.floor(i / 32)]
          : i < 240
            ? [32 + ((i - 160) % 16), Math.floor((i - 160) / 16)]
            : [48 + (i % 4), Math.floor((i - 240) / 4)]
      return [half(data, at + 52) * (digit(data.getUint8(at + byte), n) - 1)]
    },
  },
  TQ2_0: {
    weights: 256,
    bytes: 66,
    terms: (data, at, i) => [half(data, at + 64) * (twoBits(data, at, i) - 1)],
  },
  Q1_0: {
    weights: 128,
    bytes: 18,
    terms: (data, at, i) => [half(data, at) * (code(data, at + 2, 1, i) ? 1 : -1)],
  },
  Q2_0: {
    weights: 64,
    bytes: 18,
    terms: (data, at, i) => [half(data, at) * (code(data, at + 2, 2, i) - 1)],
  },
}
