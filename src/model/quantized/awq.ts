import { tableOfCodes } from '../../kernels/code-packing'
import { affineFormat } from '../../kernels/weights/affine'
import type { ConfigReader } from '../config-reader'
import { groupName, readGroupSize, transposed } from './gptq'
import { checkGroup, floatKind, type Quantization, unsupportedQuantization } from './scheme'
import { zeroBiasNote } from './zero-bias'

/**
 * AWQ (Lin et al. 2023, arXiv:2306.00978) in the layout `gemm` of AutoAWQ: everything is [in, out], and the eight
 * nibbles of a word are outputs 0, 2, 4, 6, 1, 3, 5, 7.
 */
export function readAwq(read: ConfigReader): Quantization {
  const bits = read.count('bits')
  if (bits !== 4) throw unsupportedQuantization(`AWQ with ${bits} bits is not supported; 4 are.`)
  const version = read.text('version', 'gemm').toLowerCase()
  if (version !== 'gemm') {
    throw unsupportedQuantization(`AWQ in the layout '${version}' is not supported; 'gemm' is.`)
  }
  if (!read.flag('zero_point', true)) {
    throw unsupportedQuantization('AWQ without zero points (zero_point false) is not supported.')
  }
  const groupSize = readGroupSize(read)
  return {
    name: `AWQ 4-bit ${groupName(groupSize)}`,
    find: (stem, rows, columns, tensors, biased) => {
      if (!tensors.has(`${stem}.qweight`)) return null
      const group = groupSize ?? columns
      checkGroup(stem, columns, group)
      if (rows % 8 !== 0) {
        throw unsupportedQuantization(`'${stem}' has ${rows} rows: in AWQ they must be a multiple of 8.`)
      }
      const groups = columns / group
      const qweight = tensors.typed(`${stem}.qweight`, ['I32'], [columns, rows / 8])
      const qzeros = tensors.typed(`${stem}.qzeros`, ['I32'], [groups, rows / 8])
      const scales = tensors.typed(`${stem}.scales`, ['F16', 'BF16'], [groups, rows])
      const nibbles = { bits: 4, unitCodes: 8, transposed: true, awq: true, rowUnits: rows / 8 }
      return {
        format: affineFormat({
          name: 'AWQ 4-bit',
          columns,
          bits: 4,
          number: 'unsigned',
          scale: floatKind(scales),
          scaleColumns: group,
          zero: { bits: 4, plus: 0 },
        }),
        parts: [
          {
            tensor: qweight,
            packing: tableOfCodes({ ...nibbles, tensorBytes: qweight.bytes, rowCodes: columns }),
          },
          {
            tensor: qzeros,
            packing: tableOfCodes({
              ...nibbles,
              plane: 'supers',
              tensorBytes: qzeros.bytes,
              rowCodes: groups,
            }),
          },
          { tensor: scales, packing: transposed(16, 1, scales.bytes, rows, groups, 'scales') },
        ],
        notes: biased ? [] : zeroBiasNote(stem, rows, tensors),
        joins: true,
      }
    },
  }
}
