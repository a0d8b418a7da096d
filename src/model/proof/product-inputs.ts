import { groupWeights, type WeightFormat } from '../../kernels/weights/format'
import { integers } from './integers'

export { integers }

/** Of the known product. Columns that every tensor type's blocks divide, in segments of two groups. */
export const productShape = { rows: 264, columns: 512, tokens: 5 } as const

/**
 * Rows whose sums are known, of the last token: both halves' ends for gates over ups, two pairs of neighbours, and where the
 * second half's own halves begin.
 */
export const knownRows: readonly number[] = [0, 1, 131, 132, 198, 262, 263]

/** Rows that are looked up, and elements of each whose values are known. */
export const embeddedRows = [263, 5] as const
export const embeddedElements: readonly number[] = [0, 77, 511]

/**
 * The matrix in a file's blocks: random codes, scales of about 2⁻⁸ with a sign, or random floats of at least 1/8 and less
 * than 1.
 */
export function productBytes({
  name,
  fields,
  unitBytes,
  unitWeights,
}: WeightFormat): Uint8Array<ArrayBuffer> {
  const next = integers(0x9e3779b9)
  const { rows, columns } = productShape
  const bytes = Uint8Array.from({ length: ((rows * columns) / unitWeights) * unitBytes }, () => next() >>> 24)
  const isFloat = unitWeights < groupWeights
  const floats = fields.some(({ plane }) => plane === 'supers') ? 'supers' : 'scales'
  for (let unit = 0; unit < bytes.length; unit += unitBytes) {
    let at = unit
    for (const field of fields) {
      for (let i = 0; i < field.bytes; i++) {
        const byte = bytes[at + i]!
        if (isFloat) {
          // The highest byte of each float: BF16 and F32 have more bits of exponent than F16 has.
          if (i % (name === 'F32' ? 4 : 2) === (name === 'F32' ? 3 : 1)) {
            bytes[at + i] = (byte & 0x80) | (name === 'F16' ? 0x30 | (byte & 7) : 0x3e)
          }
        } else if (field.plane === floats) {
          // An exponent of base two by itself, or f16s; what else lies between them may be any number.
          if (field.bytes === 1) bytes[at + i] = 120 + (byte & 7)
          else bytes[at + i] = i % 2 === 1 ? 0x18 | (byte & 3) : byte & 0x3f
        }
      }
      at += field.bytes
    }
  }
  return bytes
}

/**
 * x [tokens, columns]: whole 128ths up to 127/128, which each group has, so that no precision in which a kernel may take
 * activations rounds them.
 */
export function productActivations(): Float32Array<ArrayBuffer> {
  const next = integers(0x85ebca6b)
  return Float32Array.from({ length: productShape.tokens * productShape.columns }, (_, i) => {
    const value = i % groupWeights === 0 ? 127 : ((next() >>> 8) % 255) - 127
    return value / 128
  })
}
