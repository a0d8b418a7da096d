import { rowsOfCodes } from '../../kernels/code-packing'
import { type AffineOptions, affineFormat } from '../../kernels/weights/affine'
import { groupWeights } from '../../kernels/weights/format'
import type { TensorInfo } from '../../util/model-file'
import { checkGroup, type FoundMatrix, floatKind, type TensorLookup, unsupportedQuantization } from './scheme'

/** Weights that share a scale: so many rows of so many columns; null: the whole matrix. */
export type ScaleBlock = readonly [rows: number, columns: number] | null

/** A block's columns are whole groups, and a shard's rows, which are whole 256s, are whole blocks. */
export function checkBlock([rows, columns]: readonly [number, number]): void {
  if (!(rows >= 1) || 256 % rows !== 0 || !(columns >= 1) || columns % groupWeights !== 0) {
    throw unsupportedQuantization(
      `Scales for blocks of ${rows} × ${columns} weights are not supported: rows must divide 256, columns must be a multiple of ${groupWeights}.`,
    )
  }
}

/** The scales of a matrix [rows, columns], one for each block. */
export function blockScales(
  name: string,
  block: ScaleBlock,
  [rows, columns]: readonly [number, number],
  tensors: TensorLookup,
): TensorInfo {
  const types = ['F16', 'BF16', 'F32']
  if (block !== null) {
    return tensors.typed(name, types, [Math.ceil(rows / block[0]), Math.ceil(columns / block[1])])
  }
  return tensors.typed(name, types, tensors.any(name).dims.length === 0 ? [] : [1])
}

/** A matrix [rows, columns] of bytes, row after row, and its scales. */
export function byteMatrix(
  name: string,
  number: 'signed' | 'e4m3',
  weight: TensorInfo,
  scales: TensorInfo,
  block: ScaleBlock,
  scale: AffineOptions['scale'] = floatKind(scales),
): FoundMatrix {
  const [columns = 0, rows = 0] = weight.dims
  checkGroup(name, columns, groupWeights)
  const [scaleRows, scaleColumns] = block ?? [null, columns]
  const rowCodes = Math.ceil(columns / scaleColumns)
  const bits = scales.type === 'F32' ? 32 : 16
  return {
    format: affineFormat({ name, columns, bits: 8, number, scale, scaleColumns, scaleRows }),
    parts: [
      { tensor: weight, packing: rowsOfCodes({ bits: 32, rowCodes: columns / 4 }) },
      { tensor: scales, packing: rowsOfCodes({ bits, plane: 'scales', rowCodes, scaleRows }) },
    ],
    notes: [],
    joins: scaleRows !== null && rows % scaleRows === 0,
  }
}
