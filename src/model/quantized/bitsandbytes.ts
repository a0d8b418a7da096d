import { rowsOfCodes } from '../../kernels/code-packing'
import { affineFormat, nestedBlock } from '../../kernels/weights/affine'
import { groupWeights } from '../../kernels/weights/format'
import type { Json, TensorInfo } from '../../util/model-file'
import { ConfigReader, isObject, malformedConfig } from '../config-reader'
import { byteMatrix } from './byte-matrix'
import {
  checkGroup,
  type FoundMatrix,
  type Quantization,
  type TensorLookup,
  unsupportedQuantization,
} from './scheme'

/**
 * bitsandbytes: NormalFloats of 4 bits with a scale for each block of 64 or so, which run on over the rows (Dettmers et
 * al. 2023, arXiv:2305.14314), or LLM.int8 with a greatest magnitude for each row (2022, arXiv:2208.07339), whose outliers
 * are not treated apart here: weights are what they are.
 */
export function readBitsAndBytes(read: ConfigReader): Quantization {
  if (read.flag('load_in_8bit', false)) {
    return { name: 'bitsandbytes int8', find: findInt8 }
  }
  if (!read.flag('load_in_4bit', false)) {
    throw malformedConfig(`${read.where} has neither load_in_4bit nor load_in_8bit.`)
  }
  const type = read.text('bnb_4bit_quant_type', 'fp4')
  if (type !== 'nf4')
    throw unsupportedQuantization(`bitsandbytes ${type} is not supported; nf4 and int8 are.`)
  const double = read.flag('bnb_4bit_use_double_quant', false)
  return { name: `bitsandbytes nf4${double ? ', scales quantized too' : ''}`, find: findNf4 }
}

function findInt8(stem: string, rows: number, columns: number, tensors: TensorLookup): FoundMatrix | null {
  if (!tensors.has(`${stem}.SCB`)) return null
  const scales = tensors.typed(`${stem}.SCB`, ['F32'], [rows])
  const weight = tensors.typed(`${stem}.weight`, ['I8'], [rows, columns])
  const found = byteMatrix('bitsandbytes int8', 'signed', weight, scales, [1, columns], 'scb')
  if (!tensors.has(`${stem}.weight_format`)) return found
  const layout = tensors.typed(`${stem}.weight_format`, ['U8'], [])
  return {
    ...found,
    notes: [
      {
        tensors: [layout],
        read: ([bytes]) => {
          if (bytes![0] === 0) return null
          throw unsupportedQuantization(
            `The tensor '${layout.name}' is ${bytes![0]}: only rows in order (0) are supported.`,
          )
        },
      },
    ],
  }
}

function findNf4(stem: string, rows: number, columns: number, tensors: TensorLookup): FoundMatrix | null {
  const name = `${stem}.weight`
  if (!tensors.has(`${name}.absmax`)) return null
  checkGroup(stem, columns, groupWeights)
  const weights = rows * columns
  // Whatever type the bytes are stored as.
  const weight = tensors.any(name)
  if (2 * weight.bytes !== weights) {
    throw malformedConfig(`The tensor '${name}' has ${weight.bytes} bytes, expected ${weights / 2}.`)
  }
  const scales = tensors.any(`${name}.absmax`)
  const count = scales.dims[0] ?? 0
  const block = [64, 128, 256, 512, 1024, 2048, 4096, 32].find((size) => Math.ceil(weights / size) === count)
  if (block === undefined) {
    throw malformedConfig(
      `The tensor '${scales.name}' has ${count} scales, which is none for each 32 to 4096 weights.`,
    )
  }
  const double = tensors.has(`${name}.nested_absmax`)
  tensors.typed(scales.name, [double ? 'U8' : 'F32'], [count])
  const map = tensors.typed(`${name}.quant_map`, ['F32'], [16])
  const state = tensors.any(`${name}.quant_state.bitsandbytes__nf4`)
  if (double && columns % block !== 0) {
    throw unsupportedQuantization(
      `'${stem}' has rows of ${columns} weights in blocks of ${block}: with double quantization rows must be whole blocks.`,
    )
  }
  const rowCodes = columns / block
  const codes = rowsOfCodes({ bits: 32, rowCodes: columns / 8, highFirst: true })
  const format = affineFormat({
    name: 'bitsandbytes nf4',
    columns,
    bits: 4,
    number: 'nf4',
    scale: double ? 'double' : 'f32',
    scaleColumns: block,
  })
  const parts = [
    { tensor: weight, packing: codes },
    { tensor: scales, packing: rowsOfCodes({ bits: double ? 8 : 32, plane: 'scales', rowCodes }) },
  ]
  const expected = { rows, columns, block }
  const joins = columns % block === 0
  if (!double) {
    const read = ([numbers, json]: readonly Uint8Array<ArrayBuffer>[]) => {
      checkMap(map, numbers!)
      readState(state, json!, expected)
      return null
    }
    return { format, parts, notes: [{ tensors: [map, state], read }], joins }
  }
  const nested = tensors.typed(`${name}.nested_absmax`, ['F32'], [Math.ceil(count / nestedBlock)])
  const nestedMap = tensors.typed(`${name}.nested_quant_map`, ['F32'], [nestedBlock])
  const read = ([numbers, json, table]: readonly Uint8Array<ArrayBuffer>[]) => {
    checkMap(map, numbers!)
    const words = new Uint32Array(nestedBlock + 1)
    words.set(new Uint32Array(table!.slice().buffer))
    new Float32Array(words.buffer)[nestedBlock] = nestedOffset(readState(state, json!, expected))
    return words
  }
  return {
    format,
    parts: [
      ...parts,
      {
        tensor: nested,
        packing: rowsOfCodes({ bits: 32, plane: 'supers', rowCodes: rowCodes / nestedBlock }),
      },
    ],
    notes: [{ tensors: [map, state, nestedMap], read }],
    // Each has a table of its own.
    joins: false,
  }
}

/** The NormalFloats as bitsandbytes stores them, f32. */
const normalFloats = Float32Array.of(
  ...[-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635],
  ...[-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725],
  ...[
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023,
    1.0,
  ],
)

function checkMap({ name }: TensorInfo, bytes: Uint8Array<ArrayBuffer>): void {
  const map = new Float32Array(bytes.slice().buffer)
  if (map.some((value, i) => value !== normalFloats[i])) {
    throw unsupportedQuantization(
      `The tensor '${name}' has other numbers than NormalFloats of 4 bits, which is not supported.`,
    )
  }
}

function readState(
  { name }: TensorInfo,
  bytes: Uint8Array<ArrayBuffer>,
  expected: { rows: number; columns: number; block: number },
): ConfigReader {
  let json: Json
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw malformedConfig(`The tensor '${name}' is not JSON.`)
  }
  if (!isObject(json)) throw malformedConfig(`The tensor '${name}' is not a JSON object.`)
  const read = new ConfigReader(json, `the tensor '${name}'`)
  const block = read.count('blocksize')
  if (block !== expected.block) {
    throw malformedConfig(
      `The tensor '${name}' has blocks of ${block}, the scales are for blocks of ${expected.block}.`,
    )
  }
  const shape = JSON.stringify(json.shape)
  if (shape !== JSON.stringify([expected.rows, expected.columns])) {
    throw malformedConfig(
      `The tensor '${name}' has shape ${shape}, expected [${expected.rows},${expected.columns}].`,
    )
  }
  return read
}

function nestedOffset(read: ConfigReader): number {
  const block = read.count('nested_blocksize')
  if (block !== nestedBlock) {
    throw unsupportedQuantization(
      `${read.where} has nested blocks of ${block}; ${nestedBlock} are supported.`,
    )
  }
  const offset = read.json.nested_offset
  if (typeof offset !== 'number' || !Number.isFinite(offset)) {
    throw malformedConfig(`nested_offset in ${read.where} is not a number.`)
  }
  return offset
}
