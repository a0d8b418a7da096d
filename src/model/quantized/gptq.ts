import { tableOfCodes } from '../../kernels/code-packing'
import { affineFormat } from '../../kernels/weights/affine'
import { type ConfigReader, isObject, malformedConfig, shown } from '../config-reader'
import { groupIndexNote } from './g-idx'
import { checkGroup, floatKind, type MatrixNote, type Quantization, unsupportedQuantization } from './scheme'
import { zeroBiasNote } from './zero-bias'

const knownBits = [2, 3, 4, 8] as const

/**
 * GPTQ (Frantar et al. 2022, arXiv:2210.17323) as AutoGPTQ and GPTQModel store it: `qweight` and `scales` are [in, out],
 * codes run down `qweight` and along `qzeros`. Version 1 stores zeros less one.
 */
export function readGptq(read: ConfigReader): Quantization {
  const bits = knownBits.find((each) => each === read.count('bits'))
  if (bits === undefined) {
    throw unsupportedQuantization(`GPTQ with ${read.count('bits')} bits is not supported; 2, 3, 4 and 8 are.`)
  }
  const groupSize = readGroupSize(read)
  const ordered = read.flag('desc_act', false)
  const version = read.text('checkpoint_format', 'gptq')
  if (version !== 'gptq' && version !== 'gptq_v2') {
    throw unsupportedQuantization(
      `GPTQ with the checkpoint_format '${version}' is not supported; 'gptq' and 'gptq_v2' are.`,
    )
  }
  const dynamic = read.json.dynamic ?? {}
  if (!isObject(dynamic) || Object.keys(dynamic).some((pattern) => !pattern.startsWith('-:'))) {
    throw unsupportedQuantization(
      'GPTQ with settings of single layers (dynamic in quantization_config) is not supported.',
    )
  }
  const plus = version === 'gptq' ? 1 : 0
  return {
    name: `GPTQ ${bits}-bit ${groupName(groupSize)}`,
    find: (stem, rows, columns, tensors, biased) => {
      if (!tensors.has(`${stem}.qweight`)) return null
      const group = groupSize ?? columns
      checkGroup(stem, columns, group)
      const groups = columns / group
      // 32 codes fill whole words whatever their width.
      const unitCodes = bits === 3 ? 32 : 32 / bits
      if (rows % unitCodes !== 0) {
        throw unsupportedQuantization(
          `'${stem}' has ${rows} rows: with ${bits} bits they must be a multiple of ${unitCodes}.`,
        )
      }
      const rowWords = (columns * bits) / 32
      const qweight = tensors.typed(`${stem}.qweight`, ['I32'], [rowWords, rows])
      const qzeros = tensors.typed(`${stem}.qzeros`, ['I32'], [groups, (rows * bits) / 32])
      const scales = tensors.typed(`${stem}.scales`, ['F16', 'BF16'], [groups, rows])
      const notes: MatrixNote[] = biased ? [] : [...zeroBiasNote(stem, rows, tensors)]
      const moves = ordered && groups > 1
      if (moves || tensors.has(`${stem}.g_idx`)) {
        const index = tensors.typed(`${stem}.g_idx`, ['I32'], [columns])
        notes.push(groupIndexNote(index, groups, group, moves))
      }
      const zeroBits = bits === 8 ? 8 : 4
      return {
        format: affineFormat({
          name: `GPTQ ${bits}-bit`,
          columns,
          bits,
          number: 'unsigned',
          scale: floatKind(scales),
          scaleColumns: group,
          zero: { bits: zeroBits, plus },
          ordered: moves,
        }),
        parts: [
          { tensor: qweight, packing: transposed(32, 1, qweight.bytes, rows, rowWords) },
          {
            tensor: qzeros,
            packing: tableOfCodes({
              bits,
              width: zeroBits,
              plane: 'supers',
              unitCodes,
              transposed: true,
              tensorBytes: qzeros.bytes,
              rowUnits: rows / unitCodes,
              rowCodes: groups,
            }),
          },
          { tensor: scales, packing: transposed(16, 1, scales.bytes, rows, groups, 'scales') },
        ],
        notes,
        joins: !moves,
      }
    },
  }
}

/** A table [inputs, rows] of single codes. */
export function transposed(
  bits: number,
  unitCodes: number,
  tensorBytes: number,
  rows: number,
  rowCodes: number,
  plane?: 'scales',
) {
  const place = plane ? { plane } : {}
  return tableOfCodes({ bits, ...place, unitCodes, transposed: true, tensorBytes, rowUnits: rows, rowCodes })
}

/** Weights in a group; null: −1, a whole row. */
export function readGroupSize(read: ConfigReader): number | null {
  const value = read.json.group_size
  if (value === -1) return null
  if (value === 0)
    throw malformedConfig(`group_size in ${read.where} is ${shown(value)}, not a number above 0.`)
  return read.count('group_size')
}

export function groupName(groupSize: number | null): string {
  return groupSize === null ? 'by row' : `g${groupSize}`
}
