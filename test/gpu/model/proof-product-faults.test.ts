import { describe, expect, it } from 'vitest'
import type { KernelVariant } from '../../../src/gpu/kernel'
import type { Pipeline } from '../../../src/gpu/pipeline'
import { splitSize } from '../../../src/kernels/attention'
import { embed } from '../../../src/kernels/embed'
import { weightFormats } from '../../../src/kernels/formats'
import { halfMatmul, halfRows } from '../../../src/kernels/half-rows'
import { matmul, matvec } from '../../../src/kernels/matmul'
import { type AffineOptions, affineFormat } from '../../../src/kernels/weights/affine'
import { type MatrixFormat, reads } from '../../../src/kernels/weights/format'
import type { Matrix } from '../../../src/model/matrix'
import { dispensableOf } from '../../../src/model/points'
import { prove } from '../../../src/model/proof/prove'
import * as rare from '../../../src/model/proof/rare/cases'
import { compileKernel, type Fault } from '../../support/broken-kernel'
import { openTestGpu } from '../../support/gpu'

const gpu = await openTestGpu()
const q8 = weightFormats.get('Q8_0')!
const matrices = [{ format: q8 } as unknown as Matrix]

/** A product of the known matrix. */
function product(
  kernel: unknown,
  constants: KernelVariant['constants'],
  form: readonly string[],
  own: KernelVariant['moduleConstants'] = {},
  fault: Fault | null = null,
  format: MatrixFormat = q8,
): Promise<Pipeline> {
  const { moduleConstants, conditions, ...modules } = reads(format)
  const on = Object.fromEntries(form.map((name) => [name, true]))
  const variant = {
    ...modules,
    constants: { workgroup_size: 16, activation: 0, ...constants },
    moduleConstants: { ...moduleConstants, ...own },
    conditions: { ...conditions, ...on },
  }
  return compileKernel(gpu.device, kernel, variant, fault)
}

describe('the proof of products', () => {
  const byLane = { segment_lanes: 1, columns: 1 }
  const splits = { row_quads: 32, heads: 2, value_dim: 64, split_size: splitSize, window: 0 }

  it.each([
    ['a norm', { row_quads: 16 }, ['normalizes'], ['params.norm_eps', '(params.norm_eps + 1.0)']],
    ['splits', splits, ['combines', 'sinks'], ['total / sum', 'total']],
  ] as const)(
    'finds where rows of %s are wrong that are shorter than the known ones',
    async (_, own, makes, fault) => {
      const plain = await product(matvec, byLane, ['residual'])
      const form = ['residual', ...makes]
      const right = await prove(gpu, [plain, await product(matvec, byLane, form, own)], matrices, null)
      expect([right.flaws, right.untried]).toEqual([[], []])
      const wrong = await product(matvec, byLane, form, own, fault)
      const { flaws } = await prove(gpu, [plain, wrong], matrices, null)
      expect(flaws.map(({ pipeline }) => pipeline === wrong)).toEqual([true])
    },
  )

  it.each([
    ['matvec', matvec, byLane, ['expert = routes[', 'expert = 0u * routes[']],
    ['matmul', matmul, { tokens_per_lane: 4 }, ['expert = routes[', 'expert = 0u * routes[']],
  ] as const)('finds where %s takes another expert', async (_, kernel, constants, fault) => {
    for (const form of [['experts'], ['experts', 'gated'], ['experts', 'gated', 'interleaved', 'biased']]) {
      const right = await prove(gpu, [await product(kernel, constants, form)], matrices, null)
      expect([right.flaws, right.known]).toEqual([[], 1])
      const wrong = await product(kernel, constants, form, {}, fault)
      const { flaws } = await prove(gpu, [wrong], matrices, null)
      expect(flaws.map(({ pipeline }) => pipeline === wrong)).toEqual([true])
    }
  })

  const halfFaults = [
    ['Q8_0', halfRows, ['(exponent - 14u)', '(exponent - 13u)']],
    ['Q4_1', halfRows, ['added(added(first, octets[2]), octets[3])', 'added(first, octets[2])']],
    ['Q2_K', halfRows, ['whole, first, last', 'whole, last, first']],
    ['Q8_0', halfMatmul, ['scale * extras[f][0]', 'vec4f(scale)']],
    ['Q4_1', halfMatmul, ['1u + part', '2u']],
    ['Q2_K', halfMatmul, ['1u + span', '1u']],
    ['Q8_0', halfMatmul, ['octet.zw', 'octet.xy']],
  ] as const
  it.each(halfFaults)('finds where rows as f16 are wrong, %s, %#', async (type, wrong, fault) => {
    const format = weightFormats.get(type)!
    const known = [{ format } as unknown as Matrix]
    const tile = { tokens_per_lane: 4 }
    const all = (broken: Fault | null) =>
      Promise.all([
        product(matmul, tile, [], {}, null, format),
        compileKernel(
          gpu.device,
          halfRows,
          { constants: { workgroup_size: 32 } },
          wrong === halfRows ? broken : null,
        ),
        product(halfMatmul, tile, ['half_rows'], {}, wrong === halfMatmul ? broken : null, format),
        product(
          halfMatmul,
          tile,
          ['half_rows', 'residual'],
          {},
          wrong === halfMatmul ? broken : null,
          format,
        ),
      ])
    const right = await prove(gpu, await all(null), known, rare)
    expect([right.flaws, right.untried]).toEqual([[], []])
    const pipelines = await all(fault)
    const { flaws } = await prove(gpu, pipelines, known, rare)
    expect(flaws.length).toBeGreaterThan(0)
    // The exact product is right, and all that is blamed goes with the rows as f16.
    for (const { pipeline } of flaws) expect(dispensableOf(pipeline)).toBe('halfRows')
  })

  const columns = 512
  const zero = { bits: 4, plus: 1 } as const
  const ofBlocks = { columns, scaleColumns: 128, scaleRows: 128 }
  type Quantization = readonly [options: Omit<AffineOptions, 'name'>, Fault]
  const quantizations: readonly Quantization[] = [
    [
      { columns, bits: 4, number: 'unsigned', scale: 'f16', scaleColumns: 128, zero },
      ['f32(zero + zero_plus)', 'f32(zero)'],
    ],
    [
      { columns, bits: 8, number: 'unsigned', scale: 'bf16', scaleColumns: 64, zero: { bits: 8, plus: 0 } },
      ['bits << 16u', 'bits << 15u'],
    ],
    [
      { columns, bits: 4, number: 'unsigned', scale: 'f16', scaleColumns: 64, zero, ordered: true },
      ['affine(own + (first >> 16u))', 'affine(own + (first & 0xffffu))'],
    ],
    [
      { columns, bits: 4, number: 'unsigned', offset: 8, scale: 'bf16', scaleColumns: 32 },
      ['- f32(number_offset)', '- 7.0'],
    ],
    ...([2, 3, 5, 6] as const).map(
      (bits): Quantization => [
        { columns, bits, number: 'unsigned', scale: 'bf16', scaleColumns: 64, zero: 'biases' },
        bits === 2 ? ['shift + 4u * code_bits', 'shift'] : ['word(at + 1u)', 'word(at)'],
      ],
    ),
    [
      { columns, bits: 8, number: 'signed', scale: 'scb', scaleColumns: columns },
      ['(1.0 / 127.0)', '(1.0 / 128.0)'],
    ],
    [{ ...ofBlocks, bits: 8, number: 'e4m3', scale: 'f32' }, ['vec4f(magnitudes) * 0x1p-9', 'vec4f()']],
    [{ ...ofBlocks, bits: 8, number: 'e4m3', scale: 'bf16' }, ['* row_scales +', '* row_scales + 1u +']],
    [
      { columns, bits: 8, number: 'e4m3', scale: 'f32', scaleColumns: columns, scaleRows: null },
      ['codes >= vec4u(128u)', 'codes > vec4u(200u)'],
    ],
    [{ columns, bits: 4, number: 'nf4', scale: 'f32', scaleColumns: 64 }, ['0.5626170039176941', '0.5']],
    [{ columns, bits: 4, number: 'nf4', scale: 'double', scaleColumns: 64 }, ['index >> 8u', 'index >> 9u']],
  ]

  it.each(quantizations)(
    'finds where weights of safetensors are read wrongly: %o',
    async (options, fault) => {
      const format = affineFormat({ name: 'a quantization', ...options })
      const quantized = [{ format } as unknown as Matrix]
      const both = (wrong: Fault | null) => [
        product(matvec, byLane, [], {}, wrong, format),
        product(matmul, { tokens_per_lane: 4 }, [], {}, null, format),
        product(embed, {}, [], {}, null, format),
      ]
      const right = await prove(gpu, await Promise.all(both(null)), quantized, rare)
      expect([right.flaws, right.untried, right.known]).toEqual([[], [], 3])
      const pipelines = await Promise.all(both(fault))
      const { flaws } = await prove(gpu, pipelines, quantized, rare)
      expect(flaws.map(({ pipeline }) => pipeline === pipelines[0])).toEqual([true])
    },
  )
})
