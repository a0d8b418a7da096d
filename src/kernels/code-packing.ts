import type { Packing } from './packing'
import { repackCodes } from './repack'
import type { PlaneOffsets } from './weights/format'

interface Codes {
  /** Bits of a code in the tensor. */
  readonly bits: number
  /** The plane that they go to; none: the first one, of codes. */
  readonly plane?: keyof PlaneOffsets
  /** Two codes of four bits in each byte, the high one first. */
  readonly highFirst?: boolean
}

/**
 * A tensor that has the codes of each row after those of the row before, `rowCodes` of them, as its plane has them.
 * With `scaleRows`, a row of the tensor is for so many rows of the matrix; null: for all of them.
 */
export function rowsOfCodes(
  codes: Codes & { readonly rowCodes: number; readonly scaleRows?: number | null },
): Packing {
  const { bits, plane, highFirst = false, rowCodes, scaleRows = 1 } = codes
  const unitBytes = bits / 8
  return {
    kernel: repackCodes,
    conditions: { high_first: highFirst },
    moduleConstants: { bits, width: bits, unit_codes: 1 },
    unitBytes,
    ...(plane ? { plane } : {}),
    place: ({ firstRow, rows, shardRow }) => {
      if (scaleRows === null) {
        const params = { row_units: 1, first_row: 0, rows: rowCodes, shard_row: 0, row_stride: 1 }
        return { from: 0, to: rowCodes * unitBytes, params }
      }
      const from = Math.floor((firstRow / scaleRows) * rowCodes)
      const to = Math.ceil(Math.ceil((firstRow + rows) / scaleRows) * rowCodes)
      const first = Math.floor((shardRow / scaleRows) * rowCodes)
      return {
        from: from * unitBytes,
        to: to * unitBytes,
        // Each code is a row of its own.
        params: { row_units: 1, first_row: 0, rows: to - from, shard_row: first, row_stride: 1 },
      }
    },
  }
}

/**
 * A table [outer, inner] of codes that run along it or down it in words of `unitCodes`; its columns are the matrix's
 * rows, or its rows where it is not `transposed`.
 */
export function tableOfCodes(
  codes: Codes & {
    /** Bits of a code in its plane. */
    readonly width?: number
    readonly unitCodes: number
    readonly down?: boolean
    readonly transposed?: boolean
    readonly awq?: boolean
    readonly tensorBytes: number
    /** Units from one row of the table to the next. */
    readonly rowUnits: number
    /** Codes of a row of the matrix. */
    readonly rowCodes: number
  },
): Packing {
  const { bits, width = bits, plane, unitCodes, down = false, transposed = false, awq = false } = codes
  const { tensorBytes, rowUnits, rowCodes } = codes
  return {
    kernel: repackCodes,
    conditions: { down, transposed, awq },
    moduleConstants: { bits, width, unit_codes: unitCodes },
    unitBytes: (bits * unitCodes) / 8,
    ...(plane ? { plane } : {}),
    // Every row of the matrix has codes all over the tensor.
    place: ({ firstRow, rows, shardRow }) => ({
      from: 0,
      to: tensorBytes,
      params: { row_units: rowUnits, first_row: firstRow, rows, shard_row: shardRow, row_stride: rowCodes },
    }),
  }
}
