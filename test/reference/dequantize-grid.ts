import { grids, gridWeights } from '../../src/kernels/weights/grids'
import { type BlockType, code, half } from './block'
import { decodeHalf } from './half'

const weightsOf = Object.fromEntries(
  Object.entries(grids).map(([name, { grid }]) => [name, gridWeights(grid)]),
)

/** −1 or 1 for weight k of 8 with 7 sign bits from bit `bit` on; the eighth makes the number of minus signs even. */
function evenSign(data: DataView, at: number, bit: number, k: number): number {
  const signs = Array.from({ length: 7 }, (_, i) => code(data, at, 1, bit + i))
  const minus = k < 7 ? signs[k]! : signs.reduce((sum, sign) => sum + sign, 0) % 2
  return minus ? -1 : 1
}

const sign = (data: DataView, at: number, i: number) => (code(data, at, 1, i) ? -1 : 1)

/** One of IQ1: d·(2s + 1)·(grid ± 1/8). */
function ternary(index: number, i: number, minus: number): number {
  return weightsOf.IQ1_S![8 * index + (i % 8)]! + (minus ? -1 : 1) / 8
}

/** ggml's types that index a grid, as `ggml-quants.c` defines them; i is a weight, o its run of eight, g its run of 32. */
export const gridBlockTypes: Readonly<Record<string, BlockType>> = {
  IQ2_XXS: {
    weights: 256,
    bytes: 66,
    terms: (data, at, i) => {
      const [o, g] = [Math.floor(i / 8), Math.floor(i / 32)]
      const begin = at + 2 + 8 * g
      const value = weightsOf.IQ2_XXS![8 * data.getUint8(begin + (o % 4)) + (i % 8)]!
      const s = data.getUint8(begin + 7) >> 4
      return [half(data, at) * (0.5 + s) * 0.25 * value * evenSign(data, begin + 4, 7 * (o % 4), i % 8)]
    },
  },
  IQ2_XS: {
    weights: 256,
    bytes: 74,
    terms: (data, at, i) => {
      const begin = at + 2 + 2 * Math.floor(i / 8)
      const value = weightsOf.IQ2_XS![8 * (data.getUint16(begin, true) % 512) + (i % 8)]!
      const s = code(data, at + 66, 4, Math.floor(i / 16))
      return [half(data, at) * (0.5 + s) * 0.25 * value * evenSign(data, begin, 9, i % 8)]
    },
  },
  IQ2_S: {
    weights: 256,
    bytes: 82,
    terms: (data, at, i) => {
      const o = Math.floor(i / 8)
      const index = data.getUint8(at + 2 + o) + 256 * code(data, at + 66, 2, o)
      const s = code(data, at + 74, 4, Math.floor(i / 16))
      const value = weightsOf.IQ2_S![8 * index + (i % 8)]!
      return [half(data, at) * (0.5 + s) * 0.25 * value * sign(data, at + 34, i)]
    },
  },
  IQ3_XXS: {
    weights: 256,
    bytes: 98,
    terms: (data, at, i) => {
      const value = weightsOf.IQ3_XXS![4 * data.getUint8(at + 2 + Math.floor(i / 4)) + (i % 4)]!
      const begin = at + 66 + 4 * Math.floor(i / 32)
      const s = data.getUint8(begin + 3) >> 4
      const bit = 7 * (Math.floor(i / 8) % 4)
      return [half(data, at) * (0.5 + s) * 0.5 * value * evenSign(data, begin, bit, i % 8)]
    },
  },
  IQ3_S: {
    weights: 256,
    bytes: 110,
    terms: (data, at, i) => {
      const quad = Math.floor(i / 4)
      const index = data.getUint8(at + 2 + quad) + 256 * code(data, at + 66, 1, quad)
      const s = code(data, at + 106, 4, Math.floor(i / 32))
      return [half(data, at) * (1 + 2 * s) * weightsOf.IQ3_S![4 * index + (i % 4)]! * sign(data, at + 74, i)]
    },
  },
  IQ1_S: {
    weights: 256,
    bytes: 50,
    terms: (data, at, i) => {
      const o = Math.floor(i / 8)
      const begin = at + 34 + 2 * Math.floor(i / 32)
      const index = data.getUint8(at + 2 + o) + 256 * code(data, begin, 3, o % 4)
      const value = ternary(index, i, code(data, begin, 1, 15))
      return [half(data, at) * (2 * code(data, begin, 3, 4) + 1) * value]
    },
  },
  IQ1_M: {
    weights: 256,
    bytes: 56,
    terms: (data, at, i) => {
      const o = Math.floor(i / 8)
      const value = ternary(
        data.getUint8(at + o) + 256 * (code(data, at + 32, 4, o) % 8),
        i,
        code(data, at + 32, 1, 4 * o + 3),
      )
      const four = (k: number) => code(data, at + 48, 4, 4 * k + 3)
      const d = decodeHalf(four(0) + 16 * four(1) + 256 * four(2) + 4096 * four(3))
      const run = Math.floor(i / 16)
      const s = Math.floor(data.getUint16(at + 48 + 2 * Math.floor(run / 4), true) / 8 ** (run % 4)) % 8
      return [d * (2 * s + 1) * value]
    },
  },
}
