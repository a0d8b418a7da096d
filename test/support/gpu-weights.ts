import { weightFormats } from '../../src/kernels/formats'
import { groupWeights, type Planes, reads, type WeightFormat } from '../../src/kernels/weights/format'
import { blockTypes, dequantize } from '../reference/dequantize'
import { encodeHalf } from '../reference/half'
import { repack } from '../reference/repack'
import type { Random } from './gpu-random'

/** Names of the tensor types that the kernels read. */
export const typeNames = [...weightFormats.keys()]

/**
 * One of each kind that products differ by: plain, with and without minimum, one scale or two a group, a table. All types
 * are multiplied in golden-types.test.ts.
 */
export const productTypes = [
  ...['F32', 'F16', 'Q4_0', 'Q4_1', 'Q5_1', 'Q8_0', 'Q2_K', 'Q3_K', 'Q4_K', 'Q6_K'],
  ...['TQ1_0', 'NVFP4', 'IQ2_S', 'IQ1_M'],
]

export function formatOf(type: string): WeightFormat {
  return weightFormats.get(type)!
}

/** The least multiple of what the type's rows consist of. */
export function fittingColumns(type: string, columns: number): number {
  const unit = Math.max(4, formatOf(type).unitWeights)
  return Math.ceil(columns / unit) * unit
}

/** A random matrix [rows, columns] in every form that a test needs. */
export interface TestMatrix {
  readonly type: string
  readonly rows: number
  readonly columns: number
  readonly raw: Uint8Array<ArrayBuffer>
  /** f64 [rows, columns] */
  readonly values: Float64Array
  /** f64 [rows, columns]: |d·q| + |m| */
  readonly magnitudes: Float64Array
  /** Groups in a row; the columns are padded to whole ones. */
  readonly groups: number
  readonly planes: Planes
  readonly words: Uint32Array<ArrayBuffer>
  /** What a kernel is linked with to read it. */
  readonly variant: ReturnType<typeof reads>
}

export function randomMatrix(random: Random, type: string, rows: number, columns: number): TestMatrix {
  const block = blockTypes[type]!
  const raw = randomBlocks(random, type, (rows * columns) / block.weights)
  const format = formatOf(type)
  const groups = Math.ceil(columns / groupWeights)
  return {
    type,
    rows,
    columns,
    raw,
    ...dequantize(type, raw),
    groups,
    planes: format.planes(rows * groups),
    words: planesOf(type, raw, columns),
    variant: reads(format),
  }
}

/** Raw blocks as the kernels' planes, laid out by the twin of the repack kernel, and the format's table. */
export function planesOf(type: string, raw: Uint8Array, columns: number): Uint32Array<ArrayBuffer> {
  const format = formatOf(type)
  const words = repack(format, raw, columns)
  const table = format.table?.()
  if (table) words.set(table, words.length - table.length)
  return words
}

/** Whether a weight is the sum of two terms, which a device may round once or twice. */
export function hasMinimum(type: string): boolean {
  return ['Q4_1', 'Q5_1', 'Q2_K', 'Q4_K', 'Q5_K'].includes(type)
}

/** Where the f16 scales of a block lie. */
const scaleOffsets: Readonly<Record<string, readonly number[]>> = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q1_0: [0],
  Q2_0: [0],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ4_NL: [0],
  IQ4_XS: [0],
  NVFP4: [],
  TQ1_0: [52],
  TQ2_0: [64],
  IQ2_XXS: [0],
  IQ2_XS: [0],
  IQ2_S: [0],
  IQ3_XXS: [0],
  IQ3_S: [0],
  IQ1_S: [0],
}

/** Blocks of random bits with scales of either sign, or random normal floats. */
export function randomBlocks(random: Random, type: string, count: number): Uint8Array<ArrayBuffer> {
  const { bytes } = blockTypes[type]!
  const raw = random.bytes(count * bytes)
  const data = new DataView(raw.buffer)
  for (let b = 0; b < count; b++) {
    const at = b * bytes
    if (type === 'F32') data.setFloat32(at, random.normal(), true)
    else if (type === 'F16') data.setUint16(at, encodeHalf(random.normal()), true)
    else if (type === 'BF16') data.setUint16(at, bfloat(random.normal()), true)
    else if (type === 'MXFP4') raw[at] = 112 + (raw[at]! % 16)
    else if (type === 'IQ1_M') {
      // The scale's nibbles are the highest of four words of 16 bits.
      const scale = encodeHalf(0.02 * random.normal())
      for (let k = 0; k < 4; k++) {
        raw[at + 49 + 2 * k] = (raw[at + 49 + 2 * k]! % 16) + 16 * ((scale >> (4 * k)) % 16)
      }
    } else {
      for (const offset of scaleOffsets[type]!) {
        data.setUint16(at + offset, encodeHalf(0.02 * random.normal()), true)
      }
    }
  }
  return raw
}

/** Numbers as a file's F32, F16 or BF16. */
export function encodeFloats(type: string, values: readonly number[]): Uint8Array<ArrayBuffer> {
  if (type === 'F32') return new Uint8Array(new Float32Array(values).buffer)
  return new Uint8Array(Uint16Array.from(values, type === 'F16' ? encodeHalf : bfloat).buffer)
}

function bfloat(value: number): number {
  const wide = new DataView(new ArrayBuffer(4))
  wide.setFloat32(0, value)
  return wide.getUint16(0)
}
