import { groupWeights, type MatrixFormat, planesOf } from '../../../kernels/weights/format'
import type { Matrix } from '../../matrix'
import type { KnownMatrix } from '../known-matrices'
import type { Trials } from '../trials'

/** What the known product is: this part takes no code from the other one. */
type Inputs = typeof import('../product-inputs')

/** The numbers of shaders/weights/affine.wgsl. */
type Numbers = Readonly<
  Record<
    | 'code_bits'
    | 'number_kind'
    | 'number_offset'
    | 'scale_kind'
    | 'scale_groups'
    | 'scale_rows'
    | 'zero_bits'
    | 'zero_plus',
    number
  >
>

/** Scales and zeros that serve columns of 16 groups, and which of them each column of a row has. */
interface Places {
  readonly count: number
  readonly of: (row: number, column: number) => number
  /** Where columns are in an order of their own. */
  readonly table: Uint16Array<ArrayBuffer> | null
}

/**
 * The known matrix in the formats of quantized safetensors that the model has: random codes, scales of which none is far from the
 * others, and what the format's definition makes of both, in doubles.
 */
export function affineMatrices(
  trials: Trials,
  matrices: readonly Matrix[],
  inputs: Inputs,
): readonly KnownMatrix[] {
  const { productShape, productActivations, knownRows, embeddedRows, embeddedElements } = inputs
  const { columns, tokens } = productShape
  const formats = new Map<string, MatrixFormat>()
  for (const { format } of matrices) {
    if (format.module === 'affine') formats.set(JSON.stringify([format.constants, format.conditions]), format)
  }
  return [...formats].map(([key, format]) => {
    const { planes, words, weight } = affineMatrix(format, inputs)
    const x = productActivations().subarray((tokens - 1) * columns)
    return {
      // Trials of one name are compared, so a name says all that answers depend on.
      format: { ...format, name: `${format.name} ${key}`, planes: () => planes },
      buffer: trials.buffer('known', words),
      sums: knownRows.map((row) => x.reduce((sum, value, column) => sum + value * weight(row, column), 0)),
      elements: embeddedRows.flatMap((row) => embeddedElements.map((column) => weight(row, column))),
    }
  })
}

/** Random words for a format's planes, and the weights that they stand for. */
function affineMatrix(
  { constants, conditions }: Pick<MatrixFormat, 'constants' | 'conditions'>,
  { productShape, integers }: Inputs,
) {
  const { rows, columns } = productShape
  const rowGroups = columns / groupWeights
  const numbers = constants as Numbers
  const { code_bits: bits, scale_kind: kind, zero_bits, zero_plus } = numbers
  const next = integers(0x9e3779b9)
  const places = placesOf(numbers, conditions?.ordered === true, productShape, next)
  const { count, table } = places
  const nested = kind === 3
  const floats = kind === 2 || kind === 4 ? count : Math.ceil(count / 2)
  const planes = planesOf(rows * rowGroups * bits, [
    ['scales', nested ? Math.ceil(count / 4) : floats],
    [
      'supers',
      nested ? Math.ceil(count / 256) : zero_bits === 16 ? floats : Math.ceil((count * zero_bits) / 32),
    ],
    ['table', table ? columns / 2 : nested ? 257 : 0],
  ])
  const words = Uint32Array.from({ length: 4 * Math.ceil(planes.words / 4) }, next)
  const asFloats = new Float32Array(words.buffer)
  const bytes = new Uint8Array(words.buffer)
  const code = (plane: number, index: number, width: number) => {
    const bit = index * width
    let value = 0
    // Codes of 3, 5 and 6 bits run on over words.
    for (let b = 0; b < width; b++)
      value += ((words[plane + ((bit + b) >>> 5)]! >>> ((bit + b) & 31)) & 1) << b
    return value
  }
  // Sums of 512 weights are about 1.
  const usual = 2 ** -([bits, bits, 8, 1][numbers.number_kind]! + 2)
  const putFloat = (plane: number, index: number) => {
    const value = usual * (1 + (next() & 15) / 16)
    if (kind === 2) asFloats[plane + index] = value
    else if (kind === 4) asFloats[plane + index] = 127 * value
    else new DataView(words.buffer).setUint16(4 * plane + 2 * index, sixteenBits(value, kind === 1), true)
    return value
  }
  const many = Array.from({ length: count })
  let scales: readonly number[]
  if (nested) {
    // Entries from −1/2 to 1/2, of which an f32 for 256 scales and a mean make positive numbers.
    for (let i = 0; i < 256; i++) asFloats[planes.table + i] = (((37 * i) & 255) - 128) / 256
    asFloats[planes.table + 256] = usual
    for (let i = planes.supers; i < planes.table; i++) asFloats[i] = usual * (1 + (i & 1) / 2)
    scales = many.map(
      (_, i) =>
        asFloats[planes.table + bytes[4 * planes.scales + i]!]! * asFloats[planes.supers + (i >>> 8)]! +
        usual,
    )
  } else scales = many.map((_, i) => putFloat(planes.scales, i))
  const terms = many.map((_, i) => {
    if (zero_bits === 16) return putFloat(planes.supers, i)
    return zero_bits === 0 ? 0 : -scales[i]! * (code(planes.supers, i, zero_bits) + zero_plus)
  })
  if (table) new Uint16Array(words.buffer).set(table, 2 * planes.table)
  const meaning = meaningOf(numbers)
  const weight = (row: number, column: number): number => {
    const place = places.of(row, column)
    return scales[place]! * meaning(code(0, row * columns + column, bits)) + terms[place]!
  }
  return { planes, words, weight }
}

function placesOf(
  { scale_groups, scale_rows }: Numbers,
  ordered: boolean,
  { rows, columns }: Inputs['productShape'],
  next: () => number,
): Places {
  const rowGroups = columns / groupWeights
  const ofRow = ordered ? Math.floor(rowGroups / scale_groups) : Math.ceil(rowGroups / scale_groups)
  if (ordered) {
    const table = Uint16Array.from({ length: columns }, () => next() % Math.max(1, ofRow))
    return { count: Math.max(1, rows * ofRow), of: (row, column) => row * ofRow + table[column]!, table }
  }
  const groupOf = (column: number) => Math.floor(column / groupWeights)
  if (scale_rows === 0) return { count: 1, of: () => 0, table: null }
  if (scale_rows === 1) {
    // Those of one row may run on over the rows.
    const of = (row: number, column: number) => Math.floor((row * rowGroups + groupOf(column)) / scale_groups)
    return { count: of(rows - 1, columns - 1) + 1, of, table: null }
  }
  const of = (row: number, column: number) =>
    Math.floor(row / scale_rows) * ofRow + Math.floor(groupOf(column) / scale_groups)
  return { count: of(rows - 1, columns - 1) + 1, of, table: null }
}

/** A power of two and sixteenths of it, which both types have exactly. */
function sixteenBits(value: number, bfloat: boolean): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!
  return bfloat ? bits >>> 16 : ((bits >>> 13) - (112 << 10)) & 0x7fff
}

/** What a code stands for. */
function meaningOf({ number_kind, number_offset }: Numbers): (code: number) => number {
  if (number_kind === 1) return (code) => (code < 128 ? code : code - 256)
  if (number_kind === 2) return e4m3
  if (number_kind === 3) return (code) => normalFloats[code]!
  return (code) => code - number_offset
}

/** A sign, 4 bits of exponent, 3 of mantissa, and no infinity (Micikevicius et al. 2022, arXiv:2209.05433). */
function e4m3(code: number): number {
  const exponent = (code >> 3) & 15
  const magnitude = exponent === 0 ? (code & 7) / 512 : (1 + (code & 7) / 8) * 2 ** (exponent - 7)
  return code < 128 ? magnitude : -magnitude
}

/** NormalFloats of four bits (Dettmers et al. 2023, arXiv:2305.14314, appendix E). */
const normalFloats = [
  ...[-1, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.09105004, 0],
  ...[0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1],
]
