import { kernel, storage } from '../gpu/kernel'
import { batch, cacheBytes, cacheShape, headConstants, layerConstants, queryBytes } from './heads'
import { normalizing, normParams } from './matmul'
import { planeParams } from './weights/format'

/** Where Q, K and V lie in a token's row if they are [heads | kv heads | kv heads, head dim]. */
export function fusedRow({
  heads,
  kv_heads,
  head_dim,
  value_dim,
}: Readonly<Record<'heads' | 'kv_heads' | 'head_dim' | 'value_dim', number>>) {
  const [keys, values] = [head_dim / 4, value_dim / 4]
  return {
    row_quads: (heads + kv_heads) * keys + kv_heads * values,
    q_at: 0,
    q_stride: keys,
    k_at: heads * keys,
    k_stride: keys,
    v_at: (heads + kv_heads) * keys,
    v_stride: values,
  }
}

const params = {
  positions_at: 'u32',
  slots_at: 'u32',
  values_at: 'u32',
  rope_quads: 'u32',
  row_quads: 'u32',
  q_at: 'u32',
  q_stride: 'u32',
  k_at: 'u32',
  k_stride: 'u32',
  v_at: 'u32',
  v_stride: 'u32',
  q_norm_at: 'u32',
  k_norm_at: 'u32',
  q_bias_at: 'u32',
  k_bias_at: 'u32',
  scale_from: 'u32',
  scale_span: 'u32',
  scale_beta: 'f32',
  scale: 'f32',
  eps: 'f32',
  value_eps: 'f32',
  clip: 'f32',
} as const

const constants = [
  ...headConstants,
  'rope_dim',
  'rope_from',
  'query_from',
  'norm',
  'norm_weights',
  'writes_kv',
] as const

const conditions = [
  'rope_halves',
  'norm_after_rope',
  'norm_bias',
  'value_norm',
  'clips',
  'scales_by_position',
] as const

/** Where heads go. */
const written = {
  q: storage('read_write', 'vec4f', ['tokens', 'heads · head dim / 4']),
  cache: storage('read_write', 'u32', cacheShape),
} as const

/** cos, sin of two pairs */
const rope = storage('read', 'vec4f', ['positions', 'rope_quads'])

/**
 * Rotary position embedding (Su et al. 2021, arXiv:2104.09864) on Q and K, and K and V into the cache by slot mapping
 * (slot = block · block size + place in block). Angles come from a table made outside: WGSL's sine is too coarse.
 *
 * A token's row of `qkv` has `row_quads` quads; head h of Q lies at `q_at` + h · `q_stride`, those of K and V likewise. So
 * rows may be fused or lie head by head, with gates between, and V may be K.
 *
 * Of each head, `rope_dim` elements from `rope_from` (a multiple of 4) on are rotated, 0: none; the table's rows are
 * `rope_quads` apart. `rope_halves`: pairs are i and i + rope_dim / 2; else neighbours.
 *
 * Q and K are normalized before the rotation, or under `norm_after_rope` after it, as `norm` and `norm_weights` say; the weights
 * lie from `q_norm_at` and `k_norm_at` on in the constants, under `norm_bias` biases from `q_bias_at` and `k_bias_at`.
 * `value_norm`: V is divided by its root mean square, to whose square `value_eps` is added. `clips`: elements are kept within ± `clip`, before the rotation.
 *
 * Q is multiplied by `scale`, under `scales_by_position` also by 1 + scale_beta · ln(1 + ⌊(position + scale_from) / scale_span⌋).
 *
 * The elements of each query before `query_from` (a multiple of 4) are in `q` already, scaled; the rows of `qkv` have the others.
 *
 * `writes_kv` 0: only Q is computed, since the layer reads another one's cache. Of a `latent` cache only K is written.
 *
 * `kv_bits` 8 and 4 quantize each token's head by itself, x ≈ minimum + scale · level, with the scale and the minimum
 * as bfloat16, rounded so that the levels reach over all elements (as TurboMind's KV cache, which keeps them as f16).
 * `workgroup_size` is a power of two.
 */
export const ropeKv = kernel({
  shader: 'rope_kv',
  bindings: {
    qkv: storage('read', 'vec4f', ['tokens', 'row_quads']),
    rope,
    batch,
    constants: layerConstants,
    ...written,
  },
  params,
  constants,
  conditions,
  grid: ({ tokens }: { tokens: number }, { heads, kv_heads, latent, writes_kv }) => [
    heads + (writes_kv === 1 ? kv_heads * (latent === 1 ? 1 : 2) : 0),
    tokens,
    1,
  ],
  bytes: ({ tokens }, c) => {
    const written = c.writes_kv === 1 ? c.kv_heads * (c.head_dim + (c.latent === 1 ? 0 : c.value_dim)) : 0
    const kvBytes = c.writes_kv === 1 ? cacheBytes(tokens, c) : 0
    return 2 * queryBytes(tokens, c) + 4 * tokens * (written + c.rope_dim) + kvBytes
  },
})

/**
 * Bytes of workgroup memory that `projectHeads` takes beside a row that it makes, for heads of so many values: sums of segments, the head
 * before and after it is turned, and what reductions keep.
 */
export function projectBytes(headDim: number, lanes: number): number {
  return 16 * lanes + 8 * headDim + 4 * lanes + 512
}

/** Lanes of a workgroup of `projectHeads`, at most 256 and `most`: as many as do not idle in its last turn. */
export function projectLanes(headDim: number, segmentLanes: number, most: number): number {
  const wanted = (headDim / 4) * segmentLanes
  let best = 8
  const taken = (lanes: number) => Math.ceil(wanted / lanes) * lanes
  for (let lanes = 8; lanes <= Math.min(most, 256); lanes *= 2) if (taken(lanes) <= taken(best)) best = lanes
  return best
}

interface ProjectedHeads {
  readonly tokens: number
  /** Heads of Q, K and V that the matrix gives. */
  readonly count: number
  readonly columns: number
  readonly weightBytes: number
  /** Of a value of x: 4 where left out. */
  readonly xBytes?: number
}

/**
 * As `ropeKv` with the product before it, for few tokens: head number `first_head` and those after it are rows of W, whose first row is
 * number `first_row` of the projected row. What is projected is not stored, so nothing else may want it; no norm of all heads, no latent cache.
 *
 * `normalizes`, `biased` and the rest of the product's are as `matvec` has them, and its order of summation.
 */
export const projectHeads = kernel({
  shader: 'project_heads',
  bindings: {
    /** Planes of one format, see shaders/weights/. */
    weights: storage('read', 'vec4u', ['planes / 4']),
    x: storage('read', 'vec4f', ['tokens', 'x_stride']),
    rope,
    batch,
    constants: layerConstants,
    ...written,
  },
  params: {
    ...params,
    first_head: 'u32',
    first_row: 'u32',
    rows: 'u32',
    groups: 'u32',
    segment_groups: 'u32',
    ...planeParams,
    x_stride: 'u32',
    bias_at: 'u32',
    ...normParams,
  },
  constants: [...constants, 'segment_lanes', 'columns'],
  conditions: [...conditions, ...normalizing, 'projects', 'biased', 'subgroups'],
  grid: ({ tokens, count }: ProjectedHeads) => [count, tokens, 1],
  bytes: ({ tokens, columns, weightBytes, xBytes = 4 }, c) =>
    weightBytes +
    xBytes * tokens * columns +
    queryBytes(tokens, c) +
    (c.writes_kv === 1 ? cacheBytes(tokens, c) : 0),
})

const byteConditions = [...projectHeads.conditions!, 'in_bytes', 'packed_dot']

/** As `projectHeads` of rows as `int8Rows` writes them, with the sums of `int8Matvec`: x_stride is fours of words. Compiled with `in_bytes`. */
export const projectHeadsInBytes = kernel({
  ...projectHeads,
  bindings: {
    ...projectHeads.bindings,
    x: storage('read', 'vec4u', ['tokens', 'groups', 'words / 4']),
  },
  conditions: byteConditions,
  grid: (shape: ProjectedHeads, constants) => projectHeads.grid(shape, constants),
})

/** The same of rows that each workgroup makes and rounds by itself, as `int8MatvecRounding` does. Compiled with `in_bytes` and `rounds`. */
export const projectHeadsRounding = kernel({
  ...projectHeads,
  conditions: [...byteConditions, 'rounds'],
})
