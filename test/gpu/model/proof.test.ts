import { describe, expect, inject, it } from 'vitest'
import type { Kernel, KernelVariant } from '../../../src/gpu/kernel'
import { splitSize } from '../../../src/kernels/attention'
import { embed } from '../../../src/kernels/embed'
import { weightFormats } from '../../../src/kernels/formats'
import { plainHeads } from '../../../src/kernels/heads'
import { int8Matmul, int8Matvec, int8MatvecRounding } from '../../../src/kernels/int8-products'
import { int8Rows } from '../../../src/kernels/int8-rows'
import { kvBits } from '../../../src/kernels/kv-format'
import { matmul, matvec } from '../../../src/kernels/matmul'
import { norm } from '../../../src/kernels/norm'
import { projectHeads, projectHeadsInBytes, projectHeadsRounding, ropeKv } from '../../../src/kernels/rope-kv'
import { reads } from '../../../src/kernels/weights/format'
import type { Matrix } from '../../../src/model/matrix'
import { prove } from '../../../src/model/proof/prove'
import * as rare from '../../../src/model/proof/rare/cases'
import { isQuick, openTestGpu, testVariants } from '../../support/gpu'

const gpu = await openTestGpu()
const every = inject('long') ? 1 : isQuick(gpu) ? 3 : 9
const formats = [...weightFormats.values()].filter((_, i) => i % every === 0)
/** Formats take them in turn. */
const points = testVariants(gpu)

const heads = {
  ...plainHeads.constants,
  ...{
    heads: 4,
    kv_heads: 2,
    head_dim: 64,
    value_dim: 64,
    block_size: 32,
    kv_bits: kvBits.f16,
    rope_dim: 64,
  },
}

describe('the proof finds no fault in right kernels', () => {
  it.each(formats.map((format) => [format.name, format] as const))('of %s', async (_, format) => {
    const point = points[formats.indexOf(format) % points.length]!
    const { moduleConstants, conditions, ...modules } = reads(format)
    const pipeline = (kernel: unknown, variant: KernelVariant) =>
      gpu.pipeline(kernel as Kernel<never>, variant)
    const product = (
      kernel: unknown,
      { subgroups, ...numbers }: { readonly subgroups: boolean },
      form: KernelVariant['conditions'] = {},
      own: KernelVariant['moduleConstants'] = {},
      constants: KernelVariant['constants'] = { activation: 0 },
    ) =>
      pipeline(kernel, {
        ...modules,
        moduleConstants: { ...moduleConstants, ...own },
        constants: { ...numbers, ...constants },
        conditions: { ...conditions, ...form, subgroups },
      })
    const few = { ...point.matvec, columns: 1 }
    const fewBytes = { ...point.int8Matvec, columns: 1 }
    const row = { row_quads: 128 }
    const layerNorm = { normalizes: true, centered: true, shifted: true }
    const splits = { heads: 8, value_dim: 64, split_size: splitSize, window: 0 }
    const lanes = { workgroup_size: point.rowLanes }
    const pipelines = await Promise.all([
      product(matvec, few, { residual: true }),
      product(matvec, few, layerNorm, row),
      product(matvec, few, { combines: true, sinks: true }, { ...row, ...splits }),
      product(matmul, point.matmul),
      product(projectHeads, few, { projects: true, normalizes: true }, row, heads),
      pipeline(norm, { constants: lanes, conditions: { weighted: true } }),
      pipeline(ropeKv, { constants: { ...heads, workgroup_size: point.headLanes } }),
      product(embed, { ...lanes, subgroups: false }, { scaled: true }, {}, {}),
      ...(format.integers
        ? [
            pipeline(int8Rows, { constants: { workgroup_size: point.headLanes } }),
            pipeline(int8Rows, {
              constants: lanes,
              moduleConstants: row,
              conditions: layerNorm,
            }),
            pipeline(int8Rows, {
              constants: lanes,
              moduleConstants: { ...row, ...splits },
              conditions: { combines: true, sinks: true },
            }),
            product(int8Matvec, point.int8Matvec),
            product(int8MatvecRounding, point.int8Matvec, { rounds: true }, { row_quads: 48 }),
            product(int8MatvecRounding, point.int8Matvec, { rounds: true, ...layerNorm }, row),
            product(
              int8MatvecRounding,
              point.int8Matvec,
              { rounds: true, combines: true, sinks: true },
              { ...row, ...splits },
            ),
            product(projectHeadsInBytes, fewBytes, { projects: true, in_bytes: true }, {}, heads),
            product(
              projectHeadsRounding,
              fewBytes,
              { projects: true, in_bytes: true, rounds: true, ...layerNorm },
              row,
              heads,
            ),
            product(int8Matmul, point.int8Matmul),
          ]
        : []),
    ])
    const { flaws, untried } = await prove(gpu, pipelines, [{ format } as unknown as Matrix], rare)
    expect(flaws.map(({ reason }) => reason)).toEqual([])
    expect(untried).toEqual([])
  })
})
