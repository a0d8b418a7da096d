import type { JsonObject, TensorInfo } from '../../src/util/model-file'
import { half } from './block'

/** A tensor of a safetensors file: its elements as numbers, and its shape, outermost dimension first. */
export interface Table {
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
  readonly at: (index: number) => number
}

/** f32 [rows, columns] */
export interface Dequantized {
  readonly rows: number
  readonly columns: number
  readonly values: Float32Array<ArrayBuffer>
}

type Tables = ReadonlyMap<string, Table>

/** Every tensor of a file that is whole in memory. */
export function readTables(tensors: readonly TensorInfo[], file: Uint8Array<ArrayBuffer>): Tables {
  return new Map(
    tensors.map(({ name, type, dims, offset, bytes }) => {
      const data = new DataView(file.buffer, file.byteOffset + offset, bytes)
      const at = (index: number): number => {
        if (type === 'F16') return half(data, 2 * index)
        if (type === 'BF16') return bfloat(data.getUint16(2 * index, true))
        if (type === 'F32') return data.getFloat32(4 * index, true)
        if (type === 'I32') return data.getInt32(4 * index, true)
        if (type === 'I64') return Number(data.getBigInt64(8 * index, true))
        if (type === 'I8') return data.getInt8(index)
        if (type === 'F8_E4M3') return e4m3(data.getUint8(index))
        if (type === 'U8') return data.getUint8(index)
        throw new Error(`${name} has type ${type}`)
      }
      return [name, { shape: [...dims].reverse(), bytes: file.subarray(offset, offset + bytes), at }]
    }),
  )
}

function bfloat(bits: number): number {
  const wide = new DataView(new ArrayBuffer(4))
  wide.setUint32(0, bits * 65536)
  return wide.getFloat32(0)
}

function e4m3(byte: number): number {
  const exponent = Math.floor(byte / 8) % 16
  const magnitude = exponent === 0 ? (byte % 8) / 512 : (1 + (byte % 8) / 8) * 2 ** (exponent - 7)
  return byte < 128 ? magnitude : -magnitude
}

/** Code `index` of `bits` bits each in a stream of bytes, from the low bits on. */
function code(bytes: Uint8Array, index: number, bits: number): number {
  let value = 0
  for (let b = 0; b < bits; b++) {
    const bit = index * bits + b
    value += (Math.floor(bytes[Math.floor(bit / 8)]! / 2 ** (bit % 8)) % 2) * 2 ** b
  }
  return value
}

/** Code `index` along the rows of a table of words [outer, inner words], in row `outer`. */
function along({ shape, bytes }: Table, outer: number, index: number, bits: number): number {
  const rowBytes = 4 * shape[1]!
  return code(bytes.subarray(outer * rowBytes, (outer + 1) * rowBytes), index, bits)
}

/** Code `index` down the column `inner` of a table of words [outer words, inner]. */
function down({ shape, bytes }: Table, index: number, inner: number, bits: number): number {
  let value = 0
  for (let b = 0; b < bits; b++) {
    const bit = index * bits + b
    const byte = 4 * (Math.floor(bit / 32) * shape[1]! + inner) + Math.floor((bit % 32) / 8)
    value += (Math.floor(bytes[byte]! / 2 ** (bit % 8)) % 2) * 2 ** b
  }
  return value
}

function fill(rows: number, columns: number, weight: (row: number, column: number) => number): Dequantized {
  const values = new Float32Array(rows * columns)
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) values[r * columns + c] = weight(r, c)
  return { rows, columns, values }
}

/** Matrices by the beginning of their tensors' names, as the layouts in the reference data's README have it. */
type Reader = (tables: Tables, stem: string, config: JsonObject) => Dequantized

const gptq: Reader = (tables, stem, { bits, checkpoint_format }) => {
  const [qweight, qzeros, scales] = parts(tables, stem, ['qweight', 'qzeros', 'scales'])
  const [index] = parts(tables, stem, ['g_idx'])
  const b = Number(bits)
  const rows = qweight!.shape[1]!
  const plus = checkpoint_format === 'gptq_v2' ? 0 : 1
  return fill(rows, (qweight!.shape[0]! * 32) / b, (r, c) => {
    const g = index!.at(c)
    return scales!.at(g * rows + r) * (down(qweight!, c, r, b) - along(qzeros!, g, r, b) - plus)
  })
}

const awq: Reader = (tables, stem, { group_size }) => {
  const [qweight, qzeros, scales] = parts(tables, stem, ['qweight', 'qzeros', 'scales'])
  const rows = 8 * qweight!.shape[1]!
  const nibble = (table: Table, outer: number, row: number) =>
    along(table, outer, 8 * Math.floor(row / 8) + [0, 4, 1, 5, 2, 6, 3, 7][row % 8]!, 4)
  return fill(rows, qweight!.shape[0]!, (r, c) => {
    const g = Math.floor(c / Number(group_size))
    return scales!.at(g * rows + r) * (nibble(qweight!, c, r) - nibble(qzeros!, g, r))
  })
}

const mlx: Reader = (tables, stem, config) => {
  const [weight, scales, biases] = parts(tables, stem, ['weight', 'scales', 'biases'])
  const { bits, group_size } = { ...config, ...(config[stem] as JsonObject) }
  const [rows, groups] = [weight!.shape[0]!, scales!.shape[1]!]
  return fill(rows, groups * Number(group_size), (r, c) => {
    const at = r * groups + Math.floor(c / Number(group_size))
    return scales!.at(at) * along(weight!, r, c, Number(bits)) + biases!.at(at)
  })
}

const compressedTensors: Reader = (tables, stem, config) => {
  const [scales] = parts(tables, stem, ['weight_scale'])
  const { weights } = Object.values(config.config_groups as JsonObject)[0] as { weights: JsonObject }
  const bits = Number(weights.num_bits)
  const groups = scales!.shape[1] ?? 1
  const plain = tables.get(`${stem}.weight`)
  const [rows, columns] =
    plain?.shape ??
    parts(tables, stem, ['weight_packed']).map(({ shape }) => [shape[0]!, (shape[1]! * 32) / bits])[0]!
  const zeros = tables.get(`${stem}.weight_zero_point`)
  return fill(rows!, columns!, (r, c) => {
    const [height, width] = (weights.block_structure ?? [
      rows! / scales!.shape[0]!,
      columns! / groups,
    ]) as number[]
    const g = Math.floor(c / width!)
    const scale = scales!.at(Math.floor(r / height!) * groups + g)
    if (plain) return plain.at(r * columns! + c) * scale
    const half = 2 ** (bits - 1)
    const zero = zeros ? down(zeros, r, g, bits) - half : 0
    return scale * (along(tables.get(`${stem}.weight_packed`)!, r, c, bits) - half - zero)
  })
}

const bitsandbytes: Reader = (tables, stem) => {
  const name = `${stem}.weight`
  const weight = tables.get(name)!
  const scb = tables.get(`${stem}.SCB`)
  if (scb) {
    const [rows, columns] = weight.shape
    const seventh = Math.fround(1 / 127)
    return fill(rows!, columns!, (r, c) => weight.at(r * columns! + c) * Math.fround(scb.at(r) * seventh))
  }
  const state = JSON.parse(
    new TextDecoder().decode(tables.get(`${name}.quant_state.bitsandbytes__nf4`)!.bytes),
  )
  const [map, absmax] = parts(tables, name, ['quant_map', 'absmax'])
  const [rows, columns] = state.shape
  const scale = (block: number): number => {
    if (state.nested_blocksize === undefined) return absmax!.at(block)
    const [table, nested] = parts(tables, name, ['nested_quant_map', 'nested_absmax'])
    const product = table!.at(absmax!.at(block)) * nested!.at(Math.floor(block / state.nested_blocksize))
    return Math.fround(Math.fround(product) + Math.fround(state.nested_offset))
  }
  return fill(rows, columns, (r, c) => {
    const i = r * columns + c
    const byte = weight.bytes[Math.floor(i / 2)]!
    return map!.at(i % 2 === 0 ? Math.floor(byte / 16) : byte % 16) * scale(Math.floor(i / state.blocksize))
  })
}

const fp8: Reader = (tables, stem, { weight_block_size }) => {
  const [weight, scales] = parts(tables, stem, ['weight', 'weight_scale_inv'])
  const [height, width] = weight_block_size as readonly number[]
  const [rows, columns] = weight!.shape
  return fill(rows!, columns!, (r, c) => {
    const block = Math.floor(r / height!) * scales!.shape[1]! + Math.floor(c / width!)
    return weight!.at(r * columns! + c) * scales!.at(block)
  })
}

/** e2m1's magnitudes by their three bits. */
const quarters = [0, 0.5, 1, 1.5, 2, 3, 4, 6]

/** A stack of experts' matrices, one below the other. */
const mxfp4: Reader = (tables, stem) => {
  const [blocks, scales] = ['blocks', 'scales'].map((name) => tables.get(`${stem}_${name}`)!)
  const [experts, rows, groups] = blocks!.shape
  return fill(experts! * rows!, groups! * 32, (r, c) => {
    const byte = blocks!.at(r * groups! * 16 + Math.floor(c / 2))
    const nibble = c % 2 === 0 ? byte % 16 : Math.floor(byte / 16)
    const value = quarters[nibble % 8]! * 2 ** (scales!.at(r * groups! + Math.floor(c / 32)) - 127)
    return nibble < 8 ? value : -value
  })
}

function parts(tables: Tables, stem: string, names: readonly string[]): readonly Table[] {
  return names.map((name) => {
    const table = tables.get(`${stem}.${name}`)
    if (!table) throw new Error(`there is no ${stem}.${name}`)
    return table
  })
}

const readers: Readonly<Record<string, Reader>> = {
  gptq,
  awq,
  mlx,
  'compressed-tensors': compressedTensors,
  bitsandbytes,
  fp8,
  mxfp4,
}

/** The matrix whose tensors begin with `stem`, by the repo's config.json. */
export function dequantizeMatrix(tables: Tables, stem: string, config: JsonObject): Dequantized {
  const quantization = (config.quantization_config ?? config.quantization) as JsonObject
  return readers[String(quantization.quant_method ?? 'mlx')]!(tables, stem, quantization)
}
