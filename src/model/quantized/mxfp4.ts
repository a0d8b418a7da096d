import { rowsOfCodes, rowsOfNibbles } from '../../kernels/code-packing'
import { weightFormats } from '../../kernels/formats'
import { groupWeights } from '../../kernels/weights/format'
import { checkGroup, type Quantization, unsupportedQuantization } from './scheme'

/**
 * MXFP4 (OCP Microscaling Formats 1.0) as gpt-oss stores its experts: `blocks` [experts, rows, columns / 32, 16] with two
 * weights a byte, the low nibble first, and `scales` [experts, rows, columns / 32], exponents of 2 with a bias of 127. They
 * become GGUF's MXFP4.
 */
export function readMxfp4(): Quantization {
  return {
    name: 'MXFP4',
    find: (stem, rows, columns, tensors) => {
      const [blocksName, scalesName] = [`${stem}_blocks`, `${stem}_scales`]
      if (!tensors.has(blocksName)) return null
      checkGroup(stem, columns, groupWeights)
      const experts = tensors.any(blocksName).dims[3] ?? 1
      if (rows % experts !== 0)
        throw unsupportedQuantization(
          `'${blocksName}' is for ${experts} experts, which ${rows} rows are not for.`,
        )
      const groups = columns / groupWeights
      const blocks = tensors.typed(blocksName, ['U8'], [experts, rows / experts, groups, 16])
      const scales = tensors.typed(scalesName, ['U8', 'F8_E8M0'], [experts, rows / experts, groups])
      return {
        format: weightFormats.get('MXFP4')!,
        parts: [
          { tensor: blocks, packing: rowsOfNibbles(columns) },
          { tensor: scales, packing: rowsOfCodes({ bits: 8, plane: 'scales', rowCodes: groups }) },
        ],
        notes: [],
        joins: true,
      }
    },
  }
}
