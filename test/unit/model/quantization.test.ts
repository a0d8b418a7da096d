import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { rowsOfCodes } from '../../../src/kernels/code-packing'
import { affineFormat } from '../../../src/kernels/weights/affine'
import { floatTypes } from '../../../src/model/float-matrix'
import { readQuantization } from '../../../src/model/quantized/read-quantization'
import { readDescription } from '../../../src/model/read-description'
import { findTensors } from '../../../src/model/tensors'
import type { JsonObject } from '../../../src/util/model-file'
import { makeRepo } from '../../support/safetensors-repo'

const own = join(import.meta.dirname, '../../golden/quant')
const { OCTAVO_GOLDEN } = process.env
const root = OCTAVO_GOLDEN ? resolve(OCTAVO_GOLDEN, 'quant') : own
const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'))
const names: readonly string[] = JSON.parse(
  readFileSync(join(own, OCTAVO_GOLDEN ? 'all.json' : 'index.json'), 'utf8'),
)

function openRepo(name: string, files = ['model.safetensors']) {
  const config: JsonObject = read(`${name}/config.json`)
  return makeRepo(
    files.map((file) => new Uint8Array(readFileSync(join(root, name, file)))),
    config,
  )
}

it('says of each quantization what people call it', () => {
  const said = Object.fromEntries(
    names.map((name) => [name, readQuantization(read(`${name}/config.json`))?.name]),
  )
  expect(said).toMatchObject({
    'gptq-w4-asym-g32': 'GPTQ 4-bit g32',
    'gptq-w8-sym-g128': 'GPTQ 8-bit g128',
    'awq-w4-g32': 'AWQ 4-bit g32',
    'mlx-mixed': 'MLX 4-bit g64, mixed',
    'ct-w4a16-asym-g32': 'compressed-tensors int4 g32',
    'ct-w8a16-channel': 'compressed-tensors int8 by row',
    'ct-fp8-dynamic': 'compressed-tensors float8 by row',
    'bnb-nf4-double': 'bitsandbytes nf4, scales quantized too',
    'bnb-int8': 'bitsandbytes int8',
    'fp8-block-ragged': 'FP8 in blocks of 128 × 128',
    'mxfp4-gpt-oss': 'MXFP4',
  })
  expect(readQuantization({ model_type: 'llama' })).toBeNull()
})

it.each(names.filter((name) => !name.includes('sharded')))('every matrix of %s has a place', (name) => {
  const { header } = openRepo(name)
  const { matrices, embedding, output } = findTensors(header, readDescription(header), null)
  const quantized = matrices.filter(
    (matrix) => matrix !== embedding && matrix !== output && !floatTypes.has(matrix.format.name),
  )
  expect(quantized.length).toBeGreaterThan(3)
  for (const { parts } of quantized) expect(parts.length).toBeGreaterThan(1)
})

/** See bad/index.json: each folder differs from ok-quant in one thing. */
interface BadCase {
  readonly path: string
  readonly verdict: 'accept' | 'refuse'
  readonly what: string
  readonly words: readonly string[]
}
const bad: readonly BadCase[] = read('bad/index.json')
const cases = bad.filter(({ path }) => path === 'ok-quant' || path.startsWith('quant-'))

describe('a quantized repo that cannot be is refused by what is wrong with it', () => {
  it.each(cases)('$path: $what', ({ path, verdict, words }) => {
    const { header, bytes } = openRepo(`bad/${path}`)
    const open = () => {
      const { matrices } = findTensors(header, readDescription(header), null)
      for (const note of matrices.flatMap(({ notes = [] }) => notes)) {
        note.read(note.tensors.map(({ offset, bytes: length }) => bytes.slice(offset, offset + length)))
      }
    }
    if (verdict === 'accept') {
      open()
      return
    }
    expect(open).toThrow()
    try {
      open()
    } catch (error) {
      expect(error).toMatchObject({ name: 'OctavoError', remedy: expect.stringMatching(/\w/) })
      for (const word of words) expect(String(error)).toContain(word)
    }
  })
})

const gptq = { quant_method: 'gptq', bits: 4, group_size: 128 }
const weights = { num_bits: 4, type: 'int', strategy: 'group', group_size: 128 }
const packed = (change: JsonObject, group: JsonObject = {}) => ({
  quant_method: 'compressed-tensors',
  format: 'pack-quantized',
  config_groups: { group_0: { weights: { ...weights, ...group } } },
  ...change,
})

describe('a quantization_config that cannot be run is refused by what is wrong with it', () => {
  const configs: readonly (readonly [config: JsonObject, words: RegExp])[] = [
    [{ quant_method: 'gptq', group_size: 128 }, /bits in .* is missing/],
    [{ ...gptq, group_size: 'all' }, /group_size in .* is "all"/],
    [{ ...gptq, desc_act: 'yes' }, /desc_act in .* is "yes"/],
    [{ ...gptq, dynamic: { '+:.*down.*': { bits: 8 } } }, /dynamic/],
    [{ quant_method: 'awq', bits: 4, group_size: 128, version: 'gemv' }, /layout 'gemv'/],
    [{ quant_method: 'awq', bits: 3, group_size: 128 }, /AWQ with 3 bits/],
    [{ quant_method: 'awq', bits: 4, group_size: 128, zero_point: false }, /zero_point/],
    [{ quant_method: 'mlx', bits: 7, group_size: 64 }, /MLX with 7 bits/],
    [{ quant_method: 'mlx', bits: 4, group_size: 32, mode: 'mxfp4' }, /mode 'mxfp4'/],
    [packed({ format: 'marlin-24' }), /"marlin-24"/],
    [packed({ config_groups: {} }), /config_groups .* is empty/],
    [packed({ sparsity_config: { format: 'sparse-24-bitmask' } }), /Sparse/],
    [packed({ transform_config: { config_groups: { u: {} } } }), /Rotated/],
    [packed({}, { num_bits: 3 }), /int of 3 bits/],
    [packed({}, { type: 'float' }), /float of 4 bits/],
    [packed({}, { strategy: 'token' }), /strategy 'token'/],
    [{ quant_method: 'bitsandbytes', load_in_4bit: true, bnb_4bit_quant_type: 'fp4' }, /fp4/],
    [{ quant_method: 'bitsandbytes' }, /neither load_in_4bit nor load_in_8bit/],
    [{ quant_method: 'fp8', weight_block_size: null }, /weight_block_size/],
    [{ quant_method: 'fp8', weight_block_size: [128, 100] }, /128 × 100/],
    [{ quant_method: 'fp8', weight_block_size: [96, 128] }, /96 × 128/],
    [{ quant_method: 'fp8', fmt: 'e5m2', weight_block_size: [128, 128] }, /e5m2/],
    [{ quant_method: 'hqq' }, /'hqq'/],
  ]
  it.each(configs)('%j', (config, words) => {
    expect(() => readQuantization({ quantization_config: config })).toThrow(words)
  })

  it('names a quantization_config that is no object', () => {
    expect(() => readQuantization({ quantization_config: 'gptq' })).toThrow(/is not an object/)
  })
})

it('the scales of a matrix behind another in one buffer lie behind the other’s', () => {
  const scales = rowsOfCodes({ bits: 32, plane: 'scales', rowCodes: 3, scaleRows: 128 })
  const slice = { firstRow: 256, rows: 300, shardRow: 512, columns: 384 }
  // Two rows of blocks come before, four are before in the buffer, three are its own.
  expect(scales.place(slice)).toMatchObject({
    from: 4 * 2 * 3,
    to: 4 * 5 * 3,
    params: { shard_row: 4 * 3, rows: 9 },
  })
})

it('formats that differ in one number are not taken for each other', () => {
  const options = {
    name: 'x',
    columns: 128,
    bits: 4,
    number: 'unsigned',
    scale: 'f16',
    scaleColumns: 32,
    zero: { bits: 4, plus: 0 },
  } as const
  expect(affineFormat({ ...options })).toBe(affineFormat({ ...options }))
  const others = [
    { columns: 256 },
    { bits: 8 },
    { number: 'nf4' },
    { offset: 8 },
    { scale: 'bf16' },
    { scaleColumns: 64 },
    { scaleRows: 128 },
    { zero: { bits: 4, plus: 1 } },
    { zero: 'biases' },
    { ordered: true },
  ] as const
  const all = [options, ...others.map((other) => ({ ...options, ...other }))].map(affineFormat)
  expect(new Set(all).size).toBe(all.length)
})

it.each([
  ['GPTQ 4-bit g128', { bits: 4, scale: 'f16', scaleColumns: 128, zero: { bits: 4, plus: 1 } }, 4 + 20 / 128],
  ['GPTQ 3-bit g128', { bits: 3, scale: 'f16', scaleColumns: 128, zero: { bits: 4, plus: 1 } }, 3 + 19 / 128],
  ['GPTQ 2-bit g32', { bits: 2, scale: 'f16', scaleColumns: 32, zero: { bits: 4, plus: 1 } }, 2 + 18 / 32],
  ['MLX 5-bit g64', { bits: 5, scale: 'f16', scaleColumns: 64, zero: 'biases' }, 5 + 32 / 64],
  ['FP8', { bits: 8, scale: 'f32', scaleColumns: 128, scaleRows: 128 }, 8 + 32 / 128 / 128],
  ['nf4, double', { bits: 4, scale: 'double', scaleColumns: 64 }, 4 + 8 / 64 + 32 / 64 / 256],
] as const)('a matrix in %s takes the bits on the GPU that it takes in the file', (name, options, bits) => {
  const { planes } = affineFormat({ name, columns: 4096, number: 'unsigned', ...options })
  const taken = (32 * planes((4096 * 4096) / 32).words) / 4096 / 4096
  expect(taken).toBeGreaterThan(bits - 1e-9)
  expect(taken).toBeLessThan(1.03 * bits)
})
