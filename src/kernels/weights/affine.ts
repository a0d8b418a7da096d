import { groupWeights, type MatrixFormat, planesOf } from './format'

/** How a quantization of safetensors repos says its weights; see shaders/weights/affine.wgsl. */
export interface AffineOptions {
  /** As people call it; formats of one name may still differ in the other fields. */
  readonly name: string
  /** Weights in a row: whole groups of 32. */
  readonly columns: number
  readonly bits: 2 | 3 | 4 | 5 | 6 | 8
  /** What codes stand for: whole numbers (`unsigned` ones less `offset`), floats of 8 bits, or NormalFloats. */
  readonly number: 'unsigned' | 'signed' | 'e4m3' | 'nf4'
  readonly offset?: number
  /** `scb`: 127 scales of a row; `double`: bytes that stand for an f32, by a table and an f32 for 256 of them. */
  readonly scale: 'f16' | 'bf16' | 'f32' | 'double' | 'scb'
  /** Weights of a row that share a scale, and rows that do; null: all of the matrix. */
  readonly scaleColumns: number
  readonly scaleRows?: number | null
  /** Whole numbers beside the scales, to which `plus` is added, or terms that are added to the weights. */
  readonly zero?: { readonly bits: 4 | 8; readonly plus: 0 | 1 } | 'biases'
  /** Whether a table says which scale a column has, in place of its position. */
  readonly ordered?: boolean
}

const numberKinds = { unsigned: 0, signed: 1, e4m3: 2, nf4: 3 }
const scaleKinds = { f16: 0, bf16: 1, f32: 2, double: 3, scb: 4 }
/** Scales that share an f32, and entries of the table that they index. */
export const nestedBlock = 256

const formats = new Map<string, MatrixFormat>()

/** The same object for the same options. */
export function affineFormat(options: AffineOptions): MatrixFormat {
  const { name, columns, bits, number, offset, scale, scaleColumns, scaleRows, zero, ordered } = options
  const zeros = typeof zero === 'object' ? [zero.bits, zero.plus] : zero
  const key = JSON.stringify([
    ...[name, columns, bits, number, offset, scale],
    ...[scaleColumns, scaleRows, zeros, ordered],
  ])
  const format = formats.get(key) ?? makeFormat(options)
  formats.set(key, format)
  return format
}

function makeFormat(options: AffineOptions): MatrixFormat {
  const { name, columns, bits, number, scale, scaleColumns, scaleRows = 1, zero, ordered = false } = options
  const zeroBits = zero === undefined ? 0 : zero === 'biases' ? 16 : zero.bits
  const fast = !ordered && (bits === 4 || bits === 8)
  return {
    name,
    module: 'affine',
    conditions: {
      nibbles: fast && bits === 4,
      bytes: fast && bits === 8,
      stream: !fast,
      ordered,
      // Each column finds a scale of its own: written out, Mesa compiles for a minute and a half.
      long_octets: ordered,
    },
    constants: {
      code_bits: bits,
      number_kind: numberKinds[number],
      number_offset: options.offset ?? 0,
      scale_kind: scaleKinds[scale],
      scale_groups: scaleColumns / groupWeights,
      scale_rows: scaleRows ?? 0,
      zero_bits: zeroBits,
      zero_plus: typeof zero === 'object' ? zero.plus : 0,
    },
    planes: (groups) => {
      const rows = (groups * groupWeights) / columns
      const scales = scaleCount(rows, options)
      const floats = (count: number) => (scale === 'f32' || scale === 'scb' ? count : Math.ceil(count / 2))
      return planesOf(groups * bits, [
        ['scales', scale === 'double' ? Math.ceil(scales / 4) : floats(scales)],
        ['supers', scale === 'double' ? Math.ceil(scales / nestedBlock) : supers(zeroBits, scales, floats)],
        ['table', ordered ? Math.ceil(columns / 2) : scale === 'double' ? nestedBlock + 1 : 0],
      ])
    },
  }
}

function scaleCount(rows: number, { columns, scaleColumns, scaleRows = 1 }: AffineOptions): number {
  if (scaleRows === null) return 1
  // Blocks of one row may run on over the rows.
  if (scaleRows === 1) return Math.ceil((rows * columns) / scaleColumns)
  return Math.ceil(rows / scaleRows) * Math.ceil(columns / scaleColumns)
}

function supers(zeroBits: number, scales: number, floats: (count: number) => number): number {
  return zeroBits === 16 ? floats(scales) : Math.ceil((scales * zeroBits) / 32)
}
