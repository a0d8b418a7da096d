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

/** Each code is a row of its own. */
const eachARow = { row_units: 1, table_rows: 1, first_row: 0, row_stride: 1, row_codes: 1 }

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
        const params = { ...eachARow, rows: rowCodes, shard_row: 0 }
        return { from: 0, to: rowCodes * unitBytes, params }
      }
      const from = Math.floor((firstRow / scaleRows) * rowCodes)
      const to = Math.ceil(Math.ceil((firstRow + rows) / scaleRows) * rowCodes)
      const first = Math.floor((shardRow / scaleRows) * rowCodes)
      return {
        from: from * unitBytes,
        to: to * unitBytes,
        params: { ...eachARow, rows: to - from, shard_row: first },
      }
    },
  }
}

/** Rows of whole words of eight nibbles, those of a word put where GGUF's four-bit types have them. */
export function rowsOfNibbles(rowCodes: number): Packing {
  const rowUnits = rowCodes / 8
  return {
    kernel: repackCodes,
    conditions: { awq: true },
    moduleConstants: { bits: 4, width: 4, unit_codes: 8 },
    unitBytes: 4,
    place: ({ firstRow, rows, shardRow }) => ({
      from: 4 * firstRow * rowUnits,
      to: 4 * (firstRow + rows) * rowUnits,
      params: {
        row_units: rowUnits,
        table_rows: 1,
        first_row: 0,
        rows,
        shard_row: shardRow,
        row_stride: rowCodes,
        row_codes: rowCodes,
      },
    }),
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
    /** Rows of each table, where the tensor is several [tables, outer, inner]. */
    readonly tableRows?: number
    /** F32 to F16. */
    readonly narrowed?: boolean
    readonly tensorBytes: number
    /** Units from one row of the table to the next. */
    readonly rowUnits: number
    /** Codes of a row of the matrix. */
    readonly rowCodes: number
    /** Those of them that are in the table, where it has more than the matrix. */
    readonly rowWeights?: number
  },
): Packing {
  const { bits, width = bits, plane, unitCodes, down = false, transposed = false, awq = false } = codes
  const { tensorBytes, rowUnits, rowCodes, rowWeights = rowCodes, tableRows, narrowed = false } = codes
  return {
    kernel: repackCodes,
    conditions: { down, transposed, stacked: tableRows !== undefined, awq, narrowed },
    moduleConstants: { bits, width, unit_codes: unitCodes },
    unitBytes: (bits * unitCodes) / 8,
    ...(plane ? { plane } : {}),
    // Every row of a table's matrix has codes all over the table.
    place: ({ firstRow, rows, shardRow }) => {
      const tableBytes = ((tableRows ?? 0) * rowUnits * unitCodes * bits) / 8
      const matrixRows = rowUnits * unitCodes
      const table = tableRows === undefined ? 0 : Math.floor(firstRow / matrixRows)
      const end = Math.ceil((firstRow + rows) / matrixRows)
      return {
        from: table * tableBytes,
        to: tableRows === undefined ? tensorBytes : end * tableBytes,
        params: {
          row_units: rowUnits,
          table_rows: tableRows ?? 1,
          first_row: firstRow - table * matrixRows,
          rows,
          shard_row: shardRow,
          row_stride: rowCodes,
          row_codes: rowWeights,
        },
      }
    },
  }
}
