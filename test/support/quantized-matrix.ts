import type { TensorLookup } from '../../src/model/quantized/scheme'
import type { JsonObject, TensorInfo } from '../../src/util/model-file'
import { encodeHalf } from '../reference/half'
import type { Random } from './gpu-random'

/** A quantized matrix of random bits as a repo holds it: tensors of a file, and what config.json says. */
export interface RandomQuantized {
  readonly config: JsonObject
  readonly tensors: readonly TensorInfo[]
  readonly file: Uint8Array<ArrayBuffer>
}

const stem = 'layer'
const typeBytes: Readonly<Record<string, number>> = { F32: 4, I32: 4, U32: 4, I64: 8, F16: 2, BF16: 2 }

class FileMaker {
  readonly tensors: TensorInfo[] = []
  readonly parts: Uint8Array[] = []
  end = 7

  constructor(readonly random: Random) {
    this.parts.push(new Uint8Array(this.end))
  }

  /** A tensor of that shape, outermost dimension first; random bits, or normal floats where its type is of 16 or 32 bits. */
  add(name: string, type: string, shape: readonly number[], bytes?: Uint8Array): void {
    const count = shape.reduce((product, length) => product * length, 1)
    const own = bytes ?? this.#fill(type, count)
    const tensor = {
      name: `${stem}.${name}`,
      type,
      dims: [...shape].reverse(),
      offset: this.end,
      bytes: own.length,
    }
    this.tensors.push(tensor)
    this.parts.push(own)
    this.end += own.length
  }

  #fill(type: string, count: number): Uint8Array {
    const { random } = this
    if (type === 'F32') return new Uint8Array(random.normals(count).buffer)
    const bytes = random.bytes(count * (typeBytes[type] ?? 1))
    const data = new DataView(bytes.buffer)
    for (let i = 0; i < count && type === 'F16'; i++) data.setUint16(2 * i, encodeHalf(random.normal()), true)
    // A sign, exponents near that of 1, any mantissa.
    for (let i = 0; i < count && type === 'BF16'; i++) bytes[2 * i + 1] = (bytes[2 * i + 1]! & 0x80) | 0x3f
    // No NaN, which e4m3 has where all other bits are set.
    for (let i = 0; i < count && type === 'F8_E4M3'; i++) if (bytes[i]! % 128 === 127) bytes[i]! -= 1
    return bytes
  }

  file(config: JsonObject): RandomQuantized {
    const file = new Uint8Array(this.end + 5)
    let at = 0
    for (const part of this.parts) {
      file.set(part, at)
      at += part.length
    }
    return { config, tensors: this.tensors, file }
  }
}

const words = (values: readonly number[]) => new Uint8Array(Int32Array.from(values).buffer)

export function randomGptq(
  random: Random,
  [rows, columns]: readonly [number, number],
  bits: number,
  group: number,
  options: { ordered?: boolean; version?: string } = {},
): RandomQuantized {
  const { ordered = false, version = 'gptq' } = options
  const groups = columns / group
  const make = new FileMaker(random)
  make.add('scales', 'F16', [groups, rows])
  make.add('qzeros', 'I32', [groups, (rows * bits) / 32])
  make.add('qweight', 'I32', [(columns * bits) / 32, rows])
  const order = ordered ? random.permutation(columns) : Array.from({ length: columns }, (_, i) => i)
  make.add('g_idx', 'I32', [columns], words(order.map((i) => Math.floor(i / group))))
  return make.file({
    quant_method: 'gptq',
    bits,
    group_size: group,
    desc_act: ordered,
    checkpoint_format: version,
  })
}

export function randomAwq(
  random: Random,
  [rows, columns]: readonly [number, number],
  group: number,
): RandomQuantized {
  const make = new FileMaker(random)
  make.add('qweight', 'I32', [columns, rows / 8])
  make.add('qzeros', 'I32', [columns / group, rows / 8])
  make.add('scales', 'F16', [columns / group, rows])
  return make.file({ quant_method: 'awq', bits: 4, group_size: group })
}

export function randomMlx(
  random: Random,
  [rows, columns]: readonly [number, number],
  bits: number,
  group: number,
  floats = 'F16',
): RandomQuantized {
  const make = new FileMaker(random)
  make.add('weight', 'U32', [rows, (columns * bits) / 32])
  make.add('biases', floats, [rows, columns / group])
  make.add('scales', floats, [rows, columns / group])
  return make.file({ quant_method: 'mlx', bits, group_size: group })
}

/** compressed-tensors. `group` null: a scale for a row. */
export function randomPacked(
  random: Random,
  [rows, columns]: readonly [number, number],
  bits: number,
  group: number | null,
  asymmetric: boolean,
): RandomQuantized {
  const groups = columns / (group ?? columns)
  const make = new FileMaker(random)
  make.add('weight_packed', 'I32', [rows, (columns * bits) / 32])
  make.add('weight_scale', 'BF16', [rows, groups])
  make.add('weight_shape', 'I64', [2], new Uint8Array(BigInt64Array.from([rows, columns], BigInt).buffer))
  if (asymmetric) make.add('weight_zero_point', 'I32', [Math.ceil((rows * bits) / 32), groups])
  const strategy = group === null ? { strategy: 'channel' } : { strategy: 'group', group_size: group }
  return make.file(compressed('pack-quantized', { num_bits: bits, type: 'int', ...strategy }))
}

/** compressed-tensors; bytes with a scale for a block, a row (null) or the whole matrix ('tensor'). */
export function randomBytes(
  random: Random,
  [rows, columns]: readonly [number, number],
  type: 'I8' | 'F8_E4M3',
  scale: readonly [number, number] | 'channel' | 'tensor',
): RandomQuantized {
  const make = new FileMaker(random)
  make.add('weight', type, [rows, columns])
  const [height, width] = scale === 'tensor' ? [rows, columns] : scale === 'channel' ? [1, columns] : scale
  const shape = scale === 'tensor' ? [1] : [Math.ceil(rows / height), Math.ceil(columns / width)]
  make.add('weight_scale', 'BF16', shape)
  const strategy =
    typeof scale === 'string' ? { strategy: scale } : { strategy: 'block', block_structure: scale }
  const format = type === 'I8' ? 'int-quantized' : 'float-quantized'
  return make.file(compressed(format, { num_bits: 8, type: type === 'I8' ? 'int' : 'float', ...strategy }))
}

function compressed(format: string, weights: JsonObject): JsonObject {
  return { quant_method: 'compressed-tensors', format, config_groups: { group_0: { weights } } }
}

const normalFloats = [
  ...[-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635],
  ...[-0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725],
  ...[
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023,
    1.0,
  ],
]

export function randomNf4(
  random: Random,
  [rows, columns]: readonly [number, number],
  blocksize: number,
  double: boolean,
): RandomQuantized {
  const make = new FileMaker(random)
  const count = Math.ceil((rows * columns) / blocksize)
  make.add('weight', 'U8', [(rows * columns) / 2, 1])
  make.add('weight.absmax', double ? 'U8' : 'F32', [count])
  make.add('weight.quant_map', 'F32', [16], new Uint8Array(Float32Array.from(normalFloats).buffer))
  const nested = double ? { nested_blocksize: 256, nested_offset: 0.25196003913879395 } : {}
  if (double) {
    make.add('weight.nested_absmax', 'F32', [Math.ceil(count / 256)])
    make.add('weight.nested_quant_map', 'F32', [256])
  }
  const state = new TextEncoder().encode(
    JSON.stringify({ quant_type: 'nf4', blocksize, dtype: 'float16', shape: [rows, columns], ...nested }),
  )
  make.add('weight.quant_state.bitsandbytes__nf4', 'U8', [state.length], state)
  return make.file({ quant_method: 'bitsandbytes', load_in_4bit: true, bnb_4bit_quant_type: 'nf4' })
}

export function randomInt8(random: Random, [rows, columns]: readonly [number, number]): RandomQuantized {
  const make = new FileMaker(random)
  make.add('SCB', 'F32', [rows])
  make.add('weight', 'I8', [rows, columns])
  make.add('weight_format', 'U8', [], new Uint8Array(1))
  return make.file({ quant_method: 'bitsandbytes', load_in_8bit: true })
}

export function randomFp8(
  random: Random,
  [rows, columns]: readonly [number, number],
  block: readonly [number, number],
): RandomQuantized {
  const make = new FileMaker(random)
  make.add('weight_scale_inv', 'F32', [Math.ceil(rows / block[0]), Math.ceil(columns / block[1])])
  make.add('weight', 'F8_E4M3', [rows, columns])
  return make.file({ quant_method: 'fp8', weight_block_size: block })
}

/** Two experts of gpt-oss. */
export function randomMxfp4(random: Random, [rows, columns]: readonly [number, number]): RandomQuantized {
  const make = new FileMaker(random)
  const scales = random.bytes((rows * columns) / 32).map((byte) => 112 + (byte % 32))
  make.add('scales', 'U8', [2, rows / 2, columns / 32], scales)
  make.add('blocks', 'U8', [2, rows / 2, columns / 32, 16])
  const { tensors, ...made } = make.file({ quant_method: 'mxfp4' })
  return { ...made, tensors: tensors.map((each) => ({ ...each, name: each.name.replace('.', '_') })) }
}

/** Looks tensors up by name alone, for matrices that are well made. */
export function lookup(tensors: readonly TensorInfo[]): TensorLookup {
  const find = (name: string) => tensors.find((tensor) => tensor.name === name)
  const any = (name: string): TensorInfo => {
    const tensor = find(name)
    if (!tensor) throw new Error(`there is no ${name}`)
    return tensor
  }
  return { has: (name) => find(name) !== undefined, any, typed: any }
}
