import { describe, it } from 'vitest'
import { headNorm, headNormWeights, plainHeads } from '../../../src/kernels/heads'
import { int8Matvec, int8Stride } from '../../../src/kernels/int8-products'
import { type Int8RowsShape, int8GroupWords, int8Rows, roundedQuads } from '../../../src/kernels/int8-rows'
import { kvBits } from '../../../src/kernels/kv-format'
import { type MatmulShape, matvec, noNorm, notMade, plainProduct } from '../../../src/kernels/matmul'
import {
  fusedRow,
  projectHeads,
  projectHeadsInBytes,
  projectHeadsRounding,
  ropeKv,
} from '../../../src/kernels/rope-kv'
import { packedDotFeature } from '../../../src/model/variants'
import type { KvFormat } from '../../../src/util/kv-format'
import { KvCacheTwin } from '../../reference/kv_cache'
import { distinctPoints, openTestGpu, runKernel } from '../../support/gpu'
import { expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'
import { formatOf, randomMatrix } from '../../support/gpu-weights'

const gpu = await openTestGpu()
const blockSize = 32
/** What rows are multiplied as: as they are, rounded to bytes before, or so by each workgroup. */
type Rows = 'floats' | 'bytes' | 'own bytes'

interface Case {
  readonly like: string
  readonly type: string
  readonly columns: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly format: KvFormat
  readonly ropeDim: number
  readonly halves?: boolean
  readonly norm?: 'rms' | 'layerNorm'
  readonly afterRope?: boolean
  readonly biased?: boolean
  /** Head by head, [Q | K | V] each. */
  readonly headByHead?: boolean
  /** The matrix has only these heads, by their numbers. */
  readonly part?: { readonly first: number; readonly count: number }
}

const cases: readonly Case[] = [
  {
    like: 'llama',
    type: 'Q4_1',
    columns: 288,
    heads: 3,
    kvHeads: 1,
    headDim: 64,
    format: 'f16',
    ropeDim: 64,
  },
  {
    like: 'qwen2, its V alone',
    type: 'Q8_0',
    columns: 96,
    heads: 4,
    kvHeads: 2,
    headDim: 32,
    format: 'int8',
    ropeDim: 32,
    halves: true,
    biased: true,
    part: { first: 6, count: 2 },
  },
  {
    like: 'qwen3',
    type: 'F16',
    columns: 64,
    heads: 2,
    kvHeads: 1,
    headDim: 128,
    format: 'int4',
    ropeDim: 128,
    halves: true,
    norm: 'rms',
  },
  {
    like: 'hunyuan, of 80, a part of them turned',
    type: 'F16',
    columns: 64,
    heads: 2,
    kvHeads: 2,
    headDim: 80,
    format: 'f32',
    ropeDim: 20,
    halves: true,
    norm: 'layerNorm',
    afterRope: true,
    headByHead: true,
  },
]

const kernels: Readonly<Record<Rows, typeof projectHeads>> = {
  floats: projectHeads,
  bytes: projectHeadsInBytes,
  'own bytes': projectHeadsRounding,
}

/** Rows of so many groups, rounded. */
async function inBytesOf(
  x: Float32Array<ArrayBuffer>,
  groups: number,
  workgroup_size: number,
): Promise<Uint32Array<ArrayBuffer>> {
  const tokens = x.length / groups / 32
  const outputs = await runKernel<Int8RowsShape>(gpu, int8Rows, {
    variant: { constants: { workgroup_size } },
    inputs: { x, constants: 4, routes: 4, y: int8GroupWords * groups * tokens },
    params: { ...notMade, x_stride: groups * 8, x_offset: 0, groups },
    shape: { tokens, columns: 32 * groups },
  })
  return outputs.words('y')
}

describe.each(
  distinctPoints(gpu, ['matvec', 'int8Matvec', 'headLanes']).map(
    (variants) => [variants.name, variants] as const,
  ),
)('by %s', (_, variants) => {
  const products = cases.flatMap((own) =>
    (formatOf(own.type).integers ? (['floats', 'bytes', 'own bytes'] as const) : (['floats'] as const)).map(
      (as) => ({ ...own, as }),
    ),
  )
  it.each(products)(
    'heads that are computed and written at once have the bits of product and rope_kv, $like, of $as',
    async (own) => {
      const { type, columns, heads, kvHeads, headDim, format, ropeDim, halves = false, biased = false } = own
      const random = new Random(columns + headDim)
      const tokens = 2
      const all = heads + 2 * kvHeads
      const part = own.part ?? { first: 0, count: all }
      const matrix = randomMatrix(random, type, part.count * headDim, columns)
      const { rows, groups, planes, words, variant } = matrix
      const x = random.normals(tokens * groups * 32)
      const [biasAt, qNormAt, kNormAt] = [3, 3 + rows, 3 + rows + headDim]
      const constants = random.normals(kNormAt + headDim)
      const head = { heads, kv_heads: kvHeads, head_dim: headDim, value_dim: headDim }
      const inBytes = own.as !== 'floats'
      const { subgroups, ...point } = inBytes ? variants.int8Matvec : variants.matvec
      const packed_dot =
        inBytes && variants.packedDot === 1 && gpu.info.wgslFeatures.includes(packedDotFeature)
      const rounded = inBytes ? await inBytesOf(x, groups, variants.headLanes) : null
      const multiplied = { x: rounded ?? x, x_stride: rounded ? int8Stride(32 * groups) : groups * 8 }
      const firstRow = part.first * headDim
      const width = all * headDim
      const projected = await runKernel<MatmulShape>(gpu, inBytes ? int8Matvec : matvec, {
        variant: {
          ...variant,
          constants: { ...point, ...(!inBytes && { columns: 1 }), activation: 0 },
          conditions: { ...variant.conditions, subgroups, biased, packed_dot },
        },
        inputs: { weights: words, x: multiplied.x, constants, routes: 4, y: tokens * width },
        params: {
          ...plainProduct,
          rows,
          groups,
          segment_groups: Math.ceil(groups / 8),
          ...planes,
          x_stride: multiplied.x_stride,
          y_stride: width,
          y_offset: firstRow,
          bias_at: biasAt,
        },
        shape: { tokens, rows, outputs: rows, columns, weightBytes: words.byteLength, residual: false },
      })
      const quads = headDim / 4
      const layout = own.headByHead
        ? {
            row_quads: width / 4,
            q_at: 0,
            k_at: quads,
            v_at: 2 * quads,
            q_stride: 3 * quads,
            k_stride: 3 * quads,
            v_stride: 3 * quads,
          }
        : fusedRow(head)
      const numbers = {
        ...plainHeads.constants,
        ...head,
        block_size: blockSize,
        kv_bits: kvBits[format],
        rope_dim: ropeDim,
        norm: headNorm[own.norm ?? 'none'],
        norm_weights: own.norm ? headNormWeights.shared : headNormWeights.none,
      }
      const conditions = { rope_halves: halves, norm_after_rope: own.afterRope ?? false }
      const cache = () => new KvCacheTwin(format, { blocks: 3, kvHeads, headDim, blockSize }, 0x7bcd7bcd)
      const params = {
        ...plainHeads.params,
        ...layout,
        positions_at: 1,
        slots_at: 1 + tokens,
        values_at: cache().valuesAt,
        rope_quads: headDim / 4,
        q_norm_at: qNormAt,
        k_norm_at: kNormAt,
        eps: 1e-5,
        scale: 0.25,
      }
      const shared = {
        rope: random.normals(64 * headDim),
        constants,
        batch: Uint32Array.of(9, 41, 7, 70, 31),
        q: tokens * heads * headDim,
      }
      const apart = await runKernel(gpu, ropeKv, {
        variant: { constants: { ...numbers, workgroup_size: variants.headLanes }, conditions },
        inputs: { ...shared, qkv: projected.floats('y'), cache: cache().words },
        params,
        shape: { tokens },
      })
      const rounds = own.as === 'own bytes'
      const read = rounds ? { x, x_stride: groups * 8 } : multiplied
      const fused = await runKernel(gpu, kernels[own.as], {
        variant: {
          ...variant,
          moduleConstants: {
            ...variant.moduleConstants,
            ...(rounds && { row_quads: roundedQuads(groups, false) }),
          },
          constants: { ...numbers, ...point, columns: 1 },
          conditions: {
            ...variant.conditions,
            ...conditions,
            projects: true,
            biased,
            subgroups,
            ...(inBytes && { in_bytes: true, packed_dot, rounds }),
          },
        },
        inputs: { ...shared, weights: words, x: read.x, cache: cache().words },
        params: {
          ...noNorm,
          ...params,
          first_head: part.first,
          first_row: firstRow,
          rows,
          groups,
          segment_groups: Math.ceil(groups / 8),
          ...planes,
          x_stride: read.x_stride,
          bias_at: biasAt,
        },
        shape: { tokens, count: part.count, columns, weightBytes: words.byteLength },
      })
      const label = `${variants.name} ${JSON.stringify(own)}`
      if (!own.part) {
        expectSame(`${label}, q`, fused.floats('q'), apart.floats('q'))
        expectSame(`${label}, cache`, fused.words('cache'), apart.words('cache'))
        return
      }
      // Only V: in the other one, K is of the zeros that the projected row has there.
      const values = (words: Uint32Array) => words.subarray(params.values_at)
      expectSame(`${label}, V`, values(fused.words('cache')), values(apart.words('cache')))
    },
  )
})
