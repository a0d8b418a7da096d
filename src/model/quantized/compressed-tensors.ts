import { rowsOfCodes, tableOfCodes } from '../../kernels/code-packing'
import { affineFormat } from '../../kernels/weights/affine'
import { ConfigReader, isObject, malformedConfig } from '../config-reader'
import { blockScales, byteMatrix, type ScaleBlock } from './byte-matrix'
import { readBlock } from './fp8'
import { groupIndexNote } from './g-idx'
import {
  checkGroup,
  type FoundMatrix,
  floatKind,
  type MatrixNote,
  type Quantization,
  type TensorLookup,
  unsupportedQuantization,
} from './scheme'

const formats = ['pack-quantized', 'float-quantized', 'int-quantized', 'naive-quantized', 'mixed-precision']

/** What a config group says of weights. */
interface Weights {
  readonly kind: 'int' | 'float'
  readonly bits: number
  /** Weights that share a scale; columns null: a whole row. */
  readonly block: readonly [rows: number, columns: number | null] | null
  /** Columns may be in any group. */
  readonly ordered: boolean
}

/**
 * The library compressed-tensors: integers packed in words or bytes, or floats of 8 bits, with a scale for a group, a
 * row, a block or the whole matrix. Which config group a matrix belongs to is told by its tensors. Activations that its
 * own loader would round stay as they are.
 */
export function readCompressedTensors(read: ConfigReader): Quantization {
  checkFormat(read)
  const sparsity = read.json.sparsity_config
  if (isObject(sparsity) && (sparsity.format ?? 'dense') !== 'dense') {
    throw unsupportedQuantization(
      'Sparse weights (sparsity_config in quantization_config) are not supported.',
    )
  }
  const { config_groups: transforms = null } = isObject(read.json.transform_config)
    ? read.json.transform_config
    : {}
  if (isObject(transforms) && Object.keys(transforms).length > 0) {
    throw unsupportedQuantization(
      'Rotated weights (transform_config in quantization_config) are not supported.',
    )
  }
  const groups = Object.entries(read.object('config_groups').json).map(([name, group]) => {
    if (!isObject(group)) throw malformedConfig(`${name} in config_groups of config.json is not an object.`)
    const reader = new ConfigReader(group, `${name} in config_groups of config.json`)
    checkFormat(reader)
    return readWeights(reader.object('weights'))
  })
  const first = groups[0]
  if (!first) throw malformedConfig('config_groups in the quantization_config of config.json is empty.')
  return {
    name: `compressed-tensors ${first.kind}${first.bits} ${blockName(first.block)}${groups.length > 1 ? ', mixed' : ''}`,
    find: (stem, rows, columns, tensors) => {
      if (!tensors.has(`${stem}.weight_scale`)) return null
      if (tensors.has(`${stem}.weight_packed`)) return findPacked(stem, rows, columns, tensors, groups)
      return findBytes(stem, rows, columns, tensors, groups)
    },
  }
}

function checkFormat(read: ConfigReader): void {
  const format = read.json.format ?? null
  if (format !== null && !formats.some((known) => known === format)) {
    throw unsupportedQuantization(
      `compressed-tensors in the format ${JSON.stringify(format)} is not supported; ${formats.join(', ')} are.`,
    )
  }
}

function readWeights(read: ConfigReader): Weights {
  const kind = read.text('type', 'int')
  const bits = read.count('num_bits')
  if (!(kind === 'int' && [2, 4, 8].includes(bits)) && !(kind === 'float' && bits === 8)) {
    throw unsupportedQuantization(
      `compressed-tensors with ${kind} of ${bits} bits is not supported; int of 2, 4 and 8 and float of 8 bits are.`,
    )
  }
  return {
    kind: kind === 'int' ? 'int' : 'float',
    bits,
    block: readStrategy(read),
    ordered: read.json.actorder === 'group' || read.json.actorder === true,
  }
}

function readStrategy(read: ConfigReader): Weights['block'] {
  const strategy = read.text('strategy', 'tensor')
  if (strategy === 'group') return [1, read.count('group_size')]
  if (strategy === 'channel') return [1, null]
  if (strategy === 'block') return readBlock(read, 'block_structure')
  if (strategy === 'tensor') return null
  throw unsupportedQuantization(
    `compressed-tensors with the strategy '${strategy}' is not supported; group, channel, block and tensor are.`,
  )
}

function blockName(block: Weights['block']): string {
  if (block === null) return 'by matrix'
  const [rows, columns] = block
  if (columns === null) return 'by row'
  return rows === 1 ? `g${columns}` : `in blocks of ${rows} × ${columns}`
}

/** The config group that fits a matrix's tensors. */
function groupOf(stem: string, groups: readonly Weights[], kind: Weights['kind'], bits: number): Weights {
  const own = groups.find((group) => group.kind === kind && group.bits === bits)
  if (!own) {
    throw malformedConfig(
      `'${stem}' is stored as ${kind} of ${bits} bits, of which config_groups in config.json say nothing.`,
    )
  }
  return own
}

function findBytes(
  stem: string,
  rows: number,
  columns: number,
  tensors: TensorLookup,
  groups: readonly Weights[],
): FoundMatrix {
  const kind = tensors.any(`${stem}.weight`).type === 'I8' ? 'int' : 'float'
  const weight = tensors.typed(`${stem}.weight`, [kind === 'int' ? 'I8' : 'F8_E4M3'], [rows, columns])
  const own = groupOf(stem, groups, kind, 8)
  if (tensors.has(`${stem}.weight_zero_point`)) {
    throw unsupportedQuantization(`'${stem}' has zero points beside bytes, which is not supported.`)
  }
  // What activations would be rounded by: they stay as they are.
  for (const name of ['input_scale', 'input_zero_point']) {
    if (tensors.has(`${stem}.${name}`)) tensors.any(`${stem}.${name}`)
  }
  const block: ScaleBlock = own.block && [own.block[0], own.block[1] ?? columns]
  const scales = blockScales(`${stem}.weight_scale`, block, [rows, columns], tensors)
  return byteMatrix(`compressed-tensors ${kind}8`, kind === 'int' ? 'signed' : 'e4m3', weight, scales, block)
}

function findPacked(
  stem: string,
  rows: number,
  columns: number,
  tensors: TensorLookup,
  groups: readonly Weights[],
): FoundMatrix {
  const packed = tensors.any(`${stem}.weight_packed`)
  const bits = ([2, 4, 8] as const).find((each) => (columns * each) / 32 === packed.dims[0]) ?? 4
  const weight = tensors.typed(packed.name, ['I32'], [rows, (columns * bits) / 32])
  const { block, ordered } = groupOf(stem, groups, 'int', bits)
  const group = block?.[1] ?? columns
  if (block === null || block[0] !== 1) {
    throw unsupportedQuantization(
      `'${stem}' is packed with a scale for more than a row, which is not supported.`,
    )
  }
  checkGroup(stem, columns, group)
  const rowCodes = columns / group
  const scales = tensors.typed(`${stem}.weight_scale`, ['F16', 'BF16', 'F32'], [rows, rowCodes])
  const scaleBits = scales.type === 'F32' ? 32 : 16
  const notes: MatrixNote[] = [shapeNote(stem, rows, columns, tensors)]
  const moves = ordered && tensors.has(`${stem}.weight_g_idx`) && rowCodes > 1
  if (tensors.has(`${stem}.weight_g_idx`)) {
    const index = tensors.typed(`${stem}.weight_g_idx`, ['I32'], [columns])
    notes.push(groupIndexNote(index, rowCodes, group, moves))
  }
  const parts: FoundMatrix['parts'][number][] = [
    { tensor: weight, packing: rowsOfCodes({ bits: 32, rowCodes: (columns * bits) / 32 }) },
    { tensor: scales, packing: rowsOfCodes({ bits: scaleBits, plane: 'scales', rowCodes }) },
  ]
  const zeroName = `${stem}.weight_zero_point`
  const unitCodes = 32 / bits
  const zeroBits = bits === 8 ? 8 : 4
  const asymmetric = tensors.has(zeroName)
  if (asymmetric) {
    const zeros = tensors.typed(zeroName, ['I32'], [Math.ceil(rows / unitCodes), rowCodes])
    const packing = tableOfCodes({
      bits,
      width: zeroBits,
      plane: 'supers',
      unitCodes,
      down: true,
      tensorBytes: zeros.bytes,
      rowUnits: rowCodes,
      rowCodes,
    })
    parts.push({ tensor: zeros, packing })
  }
  return {
    format: affineFormat({
      name: `compressed-tensors int${bits}`,
      columns,
      bits,
      number: 'unsigned',
      scale: floatKind(scales),
      scaleColumns: group,
      ordered: moves,
      // Codes and zeros are stored with the same 2^(bits − 1) added.
      ...(asymmetric ? { zero: { bits: zeroBits, plus: 0 } } : { offset: 2 ** (bits - 1) }),
    }),
    parts,
    notes,
    joins: !moves,
  }
}

/** What the matrix's shape was before it was packed. */
function shapeNote(stem: string, rows: number, columns: number, tensors: TensorLookup): MatrixNote {
  const shape = tensors.typed(`${stem}.weight_shape`, ['I64', 'I32'], [2])
  return {
    tensors: [shape],
    read: ([bytes]) => {
      const words = new Uint32Array(bytes!.slice().buffer)
      const [first, second] = shape.type === 'I64' ? [words[0], words[2]] : words
      if (first !== rows || second !== columns) {
        throw malformedConfig(
          `The tensor '${shape.name}' says [${first}, ${second}], expected [${rows}, ${columns}].`,
        )
      }
      return null
    },
  }
}
