import { describe, it } from 'vitest'
import { headNorm, headNormWeights, plainHeads } from '../../../src/kernels/heads'
import { kvBits } from '../../../src/kernels/kv-format'
import { ropeKv } from '../../../src/kernels/rope-kv'
import type { KvFormat } from '../../../src/util/kv-format'
import { bounded, KvCacheTwin, quantizeRow } from '../../reference/kv_cache'
import { type HeadNorm, ropeKv as reference } from '../../reference/rope_kv'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, expectSame, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const blockSize = 32
const blocks = 3
const eps = 1e-3
const valueEps = 0.2
const before = 0x7bcd7bcd

type Rows = 'fused' | 'head by head' | 'gated' | 'v is k' | 'key first'

/** Heads as a family of models has them; what is left out is plain. */
interface Case {
  readonly like: string
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly valueDim?: number
  readonly rows?: Rows
  readonly rope?: { readonly dim: number; readonly from?: number; readonly halves: boolean }
  readonly norm?: HeadNorm['kind']
  readonly weights?: 'shared' | 'ofEachHead'
  readonly biased?: boolean
  readonly afterRope?: boolean
  readonly valueNorm?: boolean
  readonly clip?: number
  readonly byPosition?: { readonly beta: number; readonly from: number; readonly span: number }
  readonly readsOther?: boolean
  readonly latent?: boolean
  readonly queryFrom?: number
  readonly format: KvFormat
}

const small = { heads: 3, kvHeads: 1, headDim: 32 }
const cases: readonly Case[] = [
  {
    like: 'qwen3',
    ...small,
    norm: 'rms',
    weights: 'shared',
    rope: { dim: 32, halves: true },
    format: 'f32',
  },
  {
    like: 'olmo2',
    heads: 4,
    kvHeads: 2,
    headDim: 64,
    norm: 'rmsOfAll',
    weights: 'ofEachHead',
    clip: 0.5,
    rope: { dim: 64, halves: true },
    format: 'f16',
  },
  {
    like: 'stablelm',
    heads: 4,
    kvHeads: 2,
    headDim: 80,
    norm: 'layerNorm',
    weights: 'ofEachHead',
    rope: { dim: 20, halves: true },
    format: 'int8',
  },
  {
    like: 'persimmon',
    heads: 2,
    kvHeads: 2,
    headDim: 64,
    rows: 'head by head',
    norm: 'layerNorm',
    weights: 'shared',
    biased: true,
    rope: { dim: 28, halves: true },
    format: 'f32',
  },
  {
    like: 'hunyuan',
    ...small,
    norm: 'rms',
    weights: 'shared',
    afterRope: true,
    rope: { dim: 32, halves: true },
    format: 'int4',
  },
  {
    like: 'llama 4',
    ...small,
    norm: 'rms',
    afterRope: true,
    rope: { dim: 32, halves: false },
    format: 'f32',
  },
  {
    like: 'gemma 4',
    heads: 2,
    kvHeads: 1,
    headDim: 256,
    rows: 'v is k',
    norm: 'rms',
    weights: 'shared',
    valueNorm: true,
    rope: { dim: 256, halves: true },
    format: 'f32',
  },
  {
    like: 'gemma 3n, shared',
    ...small,
    norm: 'rms',
    weights: 'shared',
    rope: { dim: 32, halves: true },
    readsOther: true,
    format: 'f16',
  },
  {
    like: 'gpt-neox',
    heads: 4,
    kvHeads: 4,
    headDim: 96,
    rows: 'head by head',
    rope: { dim: 24, halves: true },
    format: 'f32',
  },
  { like: 'phi', heads: 2, kvHeads: 2, headDim: 80, rope: { dim: 32, halves: true }, format: 'f16' },
  { like: 'ten of 32', ...small, rope: { dim: 10, halves: true }, format: 'f32' },
  { like: 'six of 32', ...small, rope: { dim: 6, halves: false }, format: 'int8' },
  {
    like: 'qwen3-next',
    ...small,
    rows: 'gated',
    norm: 'rms',
    weights: 'shared',
    rope: { dim: 8, halves: true },
    format: 'f32',
  },
  {
    like: 'ministral 3',
    ...small,
    rope: { dim: 32, halves: true },
    byPosition: { beta: 0.1, from: 0, span: 16 },
    format: 'f32',
  },
  { like: 'llama 4, NoPE', ...small, byPosition: { beta: 0.1, from: 1, span: 8 }, format: 'int4' },
  {
    like: 'deepseek',
    heads: 5,
    kvHeads: 1,
    headDim: 48,
    valueDim: 32,
    latent: true,
    rope: { dim: 16, from: 32, halves: false },
    format: 'int4',
  },
  {
    like: 'deepseek, absorbed',
    heads: 5,
    kvHeads: 1,
    headDim: 48,
    valueDim: 32,
    latent: true,
    norm: 'rmsOfLatent',
    weights: 'shared',
    queryFrom: 32,
    rows: 'key first',
    rope: { dim: 16, from: 32, halves: false },
    format: 'f32',
  },
  {
    like: 'minicpm3, absorbed',
    heads: 2,
    kvHeads: 1,
    headDim: 80,
    valueDim: 64,
    latent: true,
    norm: 'rmsOfLatent',
    weights: 'shared',
    queryFrom: 64,
    rows: 'key first',
    rope: { dim: 16, from: 64, halves: true },
    format: 'int8',
  },
  {
    like: 'narrow values',
    heads: 2,
    kvHeads: 2,
    headDim: 48,
    valueDim: 32,
    rope: { dim: 16, from: 32, halves: true },
    format: 'int8',
  },
]

/** Elements of a row, and where its heads lie. */
function layoutOf({
  heads,
  kvHeads,
  headDim,
  valueDim = headDim,
  rows = 'fused',
  latent,
  queryFrom = 0,
}: Case) {
  const keys = heads * headDim
  const values = keys + kvHeads * headDim
  switch (rows) {
    case 'fused': {
      const row = values + (latent ? 0 : kvHeads * valueDim)
      return { row, q: [0, headDim], k: [keys, headDim], v: [values, valueDim] } as const
    }
    case 'head by head': {
      const stride = 2 * headDim + valueDim
      const row = heads * stride
      return { row, q: [0, stride], k: [headDim, stride], v: [2 * headDim, stride] } as const
    }
    case 'gated': {
      const row = keys + values + kvHeads * valueDim
      return { row, q: [0, 2 * headDim], k: [2 * keys, headDim], v: [keys + values, valueDim] } as const
    }
    case 'key first': {
      // Of a query [not rotated, rotated] only the latter is read.
      const stride = headDim - queryFrom + 8
      const row = headDim + heads * stride
      return { row, q: [headDim + 8, stride], k: [0, headDim], v: [0, headDim] } as const
    }
    case 'v is k':
      return { row: values, q: [0, headDim], k: [keys, headDim], v: [keys, headDim] } as const
  }
}

/** Weights of Q's and K's heads, one behind the other, with something before, between and behind. */
function normConstants(random: Random, { heads, kvHeads, headDim, weights, biased }: Case) {
  const counts = weights === 'ofEachHead' ? [heads, kvHeads] : [1, 1]
  const parts = [counts, biased ? counts : []].flat().map((count) => random.normals(count * headDim))
  const constants: number[] = [9]
  const at = parts.map((part) => {
    constants.push(...part, 9)
    return constants.length - part.length - 1
  })
  return { parts, at, constants: Float32Array.from(constants) }
}

describe.each([...new Set(testVariants(gpu).map(({ headLanes }) => headLanes))])(
  'Heads of many families by %s lanes',
  (lanes) => {
    it.each(cases)('are written as those of $like, kv $format', async (shape) => {
      const { heads, kvHeads, headDim, valueDim = headDim, format, latent = false } = shape
      const random = new Random(headDim + heads)
      const positions = [0, 41, 7, 31]
      const slots = [40, 0, 95, 31]
      const layout = layoutOf(shape)
      const qkv = random.normals(positions.length * layout.row)
      const rope = { dim: 0, from: 0, halves: false, ...shape.rope }
      // Rows of the table end with the last pair's quad.
      const ropeRow = Math.max(4, Math.ceil(rope.dim / 4) * 4)
      const table = random.normals(64 * ropeRow)
      const norms = normConstants(random, shape)
      const [q, k, qBias, kBias] = norms.parts
      const norm: HeadNorm | null = shape.norm
        ? {
            kind: shape.norm,
            afterRope: shape.afterRope ?? false,
            weights: shape.weights ? { q: q!, k: k! } : null,
            biases: shape.biased ? { q: qBias!, k: kBias! } : null,
          }
        : null
      const cacheShape = { blocks, kvHeads, headDim, valueDim, blockSize, latent }
      const got = new KvCacheTwin(format, cacheShape, before)
      const { beta, from, span } = shape.byPosition ?? { beta: 0, from: 0, span: 1 }
      const outputs = await runKernel(gpu, ropeKv, {
        variant: {
          constants: {
            ...plainHeads.constants,
            workgroup_size: lanes,
            head_dim: headDim,
            value_dim: valueDim,
            latent: latent ? 1 : 0,
            heads,
            kv_heads: kvHeads,
            block_size: blockSize,
            kv_bits: kvBits[format],
            rope_dim: rope.dim,
            rope_from: rope.from,
            query_from: shape.queryFrom ?? 0,
            norm: headNorm[shape.norm ?? 'none'],
            norm_weights: headNormWeights[shape.weights ?? 'none'],
            writes_kv: shape.readsOther ? 0 : 1,
          },
          conditions: {
            rope_halves: rope.halves,
            norm_after_rope: norm?.afterRope ?? false,
            norm_bias: shape.biased ?? false,
            value_norm: shape.valueNorm ?? false,
            clips: shape.clip !== undefined,
            scales_by_position: shape.byPosition !== undefined,
          },
        },
        inputs: {
          qkv,
          rope: table,
          batch: new Uint32Array([8, ...positions, ...slots]),
          constants: norms.constants,
          q: positions.length * heads * headDim,
          cache: got.words,
        },
        params: {
          ...plainHeads.params,
          positions_at: 1,
          slots_at: 1 + positions.length,
          values_at: latent ? 0 : got.valuesAt,
          rope_quads: ropeRow / 4,
          row_quads: layout.row / 4,
          q_at: layout.q[0] / 4,
          q_stride: layout.q[1] / 4,
          k_at: layout.k[0] / 4,
          k_stride: layout.k[1] / 4,
          v_at: layout.v[0] / 4,
          v_stride: layout.v[1] / 4,
          q_norm_at: norms.at[0]!,
          k_norm_at: norms.at[1]!,
          q_bias_at: norms.at[2] ?? 0,
          k_bias_at: norms.at[3] ?? 0,
          scale_beta: beta,
          scale_from: from,
          scale_span: span,
          clip: shape.clip ?? 0,
          scale: 0.25,
          eps,
          value_eps: valueEps,
        },
        shape: { tokens: positions.length },
      })
      const expected = reference({
        qkv,
        layout,
        rope: table,
        ropeRow,
        ropeDim: rope.dim,
        ropeFrom: rope.from,
        halves: rope.halves,
        positions,
        slots,
        heads,
        kvHeads,
        headDim,
        valueDim,
        blockSize,
        scale: (position) => 0.25 * (1 + beta * Math.log(1 + Math.floor((position + from) / span))),
        norm,
        valueNorm: shape.valueNorm ? valueEps : null,
        eps,
        clip: shape.clip ?? Number.POSITIVE_INFINITY,
        queryFrom: shape.queryFrom ?? 0,
      })
      const label = `rope_kv ${lanes} lanes ${JSON.stringify(shape)}`
      // Two sums over the elements for the statistics, a square root, and some products.
      const error = gamma(2 * headDim * (shape.norm === 'rmsOfAll' ? heads : 1) + 24)
      expectClose(`${label}, q`, outputs.floats('q'), expected.q, (i) => error * expected.qMagnitude[i]!)

      got.words.set(outputs.words('cache'))
      const clean = new KvCacheTwin(format, cacheShape, before)
      for (const { values, block, kvHead, key, row, magnitudes } of expected.written) {
        if (shape.readsOther || (latent && values)) continue
        const stored = got.get(values, block, kvHead, key)
        const levels =
          format === 'int8' || format === 'int4' ? quantizeRow(row, kvBits[format] as 4 | 8) : null
        const most = Math.max(...magnitudes)
        expectClose(`${label}, ${values ? 'V' : 'K'}`, stored, row.map(bounded), (i) => {
          const computed = error * magnitudes[i]!
          if (format === 'f32') return computed
          if (format === 'f16') return computed + 2 ** -10 * Math.abs(row[i]!) + 2 ** -24
          // Half a level; a scale may be rounded to the next bfloat16.
          return error * most + 0.52 * levels!.scale
        })
        clean.put(values, block, kvHead, key, stored)
        got.put(values, block, kvHead, key, stored)
      }
      expectSame(`${label}, what was not written`, got.words, clean.words)
    })
  },
)
