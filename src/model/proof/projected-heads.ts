import type { Pipeline } from '../../gpu/pipeline'
import { plainHeads } from '../../kernels/heads'
import { int8Stride } from '../../kernels/int8-products'
import { int8GroupWords, roundedQuads } from '../../kernels/int8-rows'
import { kvBits, kvRegionWords } from '../../kernels/kv-format'
import { noNorm, normalizing, notMade, plainProduct } from '../../kernels/matmul'
import type { MatrixFormat } from '../../kernels/weights/format'
import type { KvFormat } from '../../util/kv-format'
import { blockSize } from '../kv-cache'
import { integers } from './integers'
import { type KnownMatrix, readsFormat } from './known-matrices'
import { productActivations, productShape } from './product-inputs'
import type { Trial } from './trial'
import type { Trials } from './trials'

const tokens = 2
/** Rows of x and of what is projected: whole eights, which products touch. */
const paddedTokens = 8
const [positions, slots] = [
  [1, 3],
  [30, 9],
]
/** The known matrix, read as one of half as many columns at most: heads have up to so many rows. */
const rows = 2 * productShape.rows
const mostGroups = productShape.columns / 32 / 2

/** What the kernels of one layer's heads are compiled with alike. */
const shared = [
  ...['heads', 'kv_heads', 'head_dim', 'value_dim', 'latent', 'block_size', 'kv_bits'],
  ...['rope_dim', 'rope_from', 'query_from', 'norm', 'norm_weights', 'writes_kv'],
]
const sharedConditions = ['rope_halves', 'norm_after_rope', 'value_norm', 'scales_by_position']
/** What a product of Q, K and V as they are does not do. */
const otherProducts = [
  ...['gated', 'experts', 'scaled', 'capped', 'residual', 'normalizes', 'combines', 'half_rows', 'rounds'],
]

interface Apart {
  /** Null: rows come as they are multiplied, or as they are rounded. */
  readonly norm: Pipeline | null
  /** What rounds rows to bytes, or makes them with the norm as well; null: they are multiplied as they are. */
  readonly rounding: Pipeline | null
  readonly product: Pipeline
  readonly rope: Pipeline
}

/**
 * Lets `project_heads` project rows by the known matrix and write what comes out, and the kernels that do it apart do the
 * same. They have known cases of their own; queries and cache must be theirs to the bit.
 */
export function tryProjectedHeads(
  trials: Trials,
  pipelines: readonly Pipeline[],
  matrices: readonly KnownMatrix[],
): readonly Trial[] {
  return pipelines
    .filter(({ kernel }) => kernel.shader === 'project_heads')
    .flatMap((pipeline) => {
      const matrix = matrices.find(({ format }) => readsFormat(pipeline, format))
      const apart = matrix ? kernelsApart(pipelines, pipeline, matrix.format) : null
      return matrix && apart ? tryOne(trials, pipeline, matrix, apart) : []
    })
}

/** Null: the plan lacks one. */
function kernelsApart(pipelines: readonly Pipeline[], fused: Pipeline, format: MatrixFormat): Apart | null {
  const has = (pipeline: Pipeline, condition: string) => pipeline.variant.conditions?.[condition] ?? false
  const like = (condition: string) => has(fused, condition)
  const of = (...shaders: string[]) => pipelines.filter(({ kernel }) => shaders.includes(kernel.shader))
  const rope = of('rope_kv').find(
    (each) =>
      shared.every((name) => each.variant.constants[name] === fused.variant.constants[name]) &&
      sharedConditions.every((name) => has(each, name) === like(name)),
  )
  const inBytes = like('in_bytes')
  const product = of(...(inBytes ? ['int8_matmul', 'int8_matvec'] : ['matmul', 'matvec'])).find(
    (each) =>
      readsFormat(each, format) &&
      each.variant.constants.activation === 0 &&
      has(each, 'biased') === like('biased') &&
      !otherProducts.some((name) => has(each, name)),
  )
  const norm = of('norm').find(
    (each) =>
      has(each, 'weighted') &&
      !has(each, 'residual') &&
      has(each, 'centered') === like('centered') &&
      has(each, 'biased') === like('shifted'),
  )
  if (!rope || !product) return null
  if (inBytes) {
    const rounding = of('int8_rows').find(
      (each) =>
        normalizing.every((condition) => has(each, condition) === like(condition)) &&
        !has(each, 'combines') &&
        (!like('normalizes') || rowQuadsOf(each) === rowQuadsOf(fused)),
    )
    return rounding ? { rope, product, norm: null, rounding } : null
  }
  if (!like('normalizes')) return { rope, product, norm: null, rounding: null }
  return norm ? { rope, product, norm, rounding: null } : null
}

/** Of the row that it makes in workgroup memory. */
function rowQuadsOf({ variant }: Pipeline): number {
  return variant.moduleConstants?.row_quads ?? 0
}

function tryOne(
  trials: Trials,
  fused: Pipeline,
  { format, buffer: weights }: KnownMatrix,
  { norm, rounding, product, rope }: Apart,
): Trial[] {
  const { constants: compiled, conditions = {} } = fused.variant
  const { heads, kv_heads, head_dim, value_dim, kv_bits, writes_kv } = compiled as Record<string, number>
  const { normalizes = false, rounds = false, in_bytes: inBytes = false } = conditions
  const room = rowQuadsOf(fused) / roundedQuads(1, normalizes)
  const groups = normalizes || rounds ? Math.min(mostGroups, room) : mostGroups
  const rowQuads = normalizes ? rowQuadsOf(fused) : 8 * groups
  const columns = 32 * groups
  const count = heads! + (writes_kv === 1 ? 2 * kv_heads! : 0)
  // Each head begins a quad behind the one before, where there are so many rows.
  const step = count <= (rows - Math.max(head_dim!, value_dim!)) / 4 ? 1 : 0
  const formatOfCache = (Object.keys(kvBits) as KvFormat[]).find((name) => kvBits[name] === kv_bits)!
  const valuesAt = kv_heads! * kvRegionWords(formatOfCache, Math.max(head_dim!, value_dim!), blockSize)

  const xStride = Math.max(4 * rowQuads, columns)
  const x = new Float32Array(paddedTokens * xStride)
  for (let i = 0; i < tokens; i++)
    x.set(productActivations().subarray(i * columns, (i + 1) * columns), i * xStride)
  const next = integers(0x2545f491)
  const small = (words: number) =>
    Float32Array.from({ length: words }, () => ((next() >>> 8) % 64) / 64 - 0.25)
  const [normAt, normBiasAt, qNormAt] = [rows, rows + columns, rows + 2 * columns]
  const kNormAt = qNormAt + heads! * head_dim!
  const constants = trials.buffer('constants', small(kNormAt + kv_heads! * head_dim!))
  const common = {
    constants,
    rope: trials.buffer('rope', small((1 + Math.max(...positions)) * head_dim!)),
    batch: trials.buffer('batch', Uint32Array.from([...positions, ...slots])),
  }
  const written = () => ({
    q: trials.buffer('q', tokens * heads! * head_dim!),
    cache: trials.buffer('cache', 2 * valuesAt),
  })
  const params = {
    ...plainHeads.params,
    positions_at: 0,
    slots_at: tokens,
    values_at: valuesAt,
    rope_quads: head_dim! / 4,
    row_quads: rows / 4,
    q_at: 0,
    k_at: step * heads!,
    v_at: step * (heads! + kv_heads!),
    q_stride: step,
    k_stride: step,
    v_stride: step,
    q_norm_at: qNormAt,
    k_norm_at: kNormAt,
    eps: 1e-5,
    value_eps: 1e-5,
    scale: 0.25,
    scale_beta: 0.5,
    scale_span: 2,
  }
  const ofProduct = {
    rows,
    groups,
    segment_groups: Math.ceil(groups / 8),
    ...format.planes((productShape.rows * productShape.columns) / 32),
    bias_at: 0,
  }
  const ofNorm = { norm_width: columns, norm_at: normAt, norm_bias_at: normBiasAt, norm_eps: 1e-5 }

  const rowsOfX = trials.buffer('x', x)
  const routes = trials.buffer('routes', 4)
  const inFloats = { x: rowsOfX, x_stride: xStride / 4 }
  const rounded = { x: rowsOfX, x_stride: int8Stride(columns) }
  if (rounding) {
    rounded.x = trials.buffer('x rounded', paddedTokens * groups * int8GroupWords)
    trials.run(
      rounding,
      { x: rowsOfX, constants, routes, y: rounded.x },
      { ...notMade, x_stride: xStride / 4, x_offset: 0, groups, ...(normalizes ? ofNorm : {}) },
      { tokens, columns, makes: normalizes },
    )
  }

  const read = inBytes && !rounds ? rounded : inFloats
  const together = written()
  trials.run(
    fused,
    { ...common, ...together, weights, x: read.x },
    {
      ...noNorm,
      ...params,
      ...ofProduct,
      first_head: 0,
      first_row: 0,
      x_stride: read.x_stride,
      ...(normalizes ? ofNorm : {}),
    },
    { tokens, count },
  )

  let from = rounding ? rounded : inFloats
  if (norm) {
    from = { ...inFloats, x: trials.buffer('normed', paddedTokens * xStride) }
    trials.run(
      norm,
      { x: rowsOfX, constants, y: from.x },
      {
        width: columns,
        x_stride: xStride,
        x_offset: 0,
        y_stride: xStride,
        y_offset: 0,
        weight_offset: normAt,
        weight_stride: 0,
        bias_offset: normBiasAt,
        eps: 1e-5,
        scale: 1,
      },
      { tokens, width: columns },
    )
  }
  const qkv = trials.buffer('qkv', paddedTokens * rows)
  trials.run(
    product,
    { weights, x: from.x, constants, routes, y: qkv },
    { ...plainProduct, ...ofProduct, x_stride: from.x_stride, y_stride: rows, y_offset: 0 },
    { tokens, rows, outputs: rows, columns, weightBytes: 0, residual: false },
  )
  const each = written()
  trials.run(rope, { ...common, ...each, qkv }, params, { tokens })

  const by = [norm, rounding, product, rope].filter((pipeline) => pipeline !== null)
  return (['q', 'cache'] as const).map((what) => {
    const words = what === 'q' ? tokens * heads! * head_dim! : 2 * valuesAt
    return {
      pipeline: fused,
      reading: trials.read(together[what], 4 * words),
      apart: { reading: trials.read(each[what], 4 * words), by },
      from: 0,
      count: words,
      name: `${what} of project_heads ${JSON.stringify(fused.variant)}`,
      known: [],
      tolerance: 0,
    }
  })
}
