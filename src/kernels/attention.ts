import { kernel, storage } from '../gpu/kernel'

/** Keys in one split of the context; splits are computed apart and merged in order. A multiple of the block size. */
export const splitSize = 64

/** What attention must know of a batch. */
export interface AttentionShape {
  /** Workgroups along x: decode tokens, or tiles of prefill tokens. */
  readonly tiles: number
  readonly tokens: number
  /** The longest context of these tokens. */
  readonly maxContext: number
  /** Keys and values that the tiles read, summed over tiles, in tokens. */
  readonly contextTokens: number
}

/** Constants of the model and its cache that every attention kernel is compiled with. */
const headConstants = ['workgroup_size', 'head_dim', 'heads', 'kv_heads', 'block_size', 'kv_bits'] as const

const batch = storage('read', 'u32', ['words'])
/** K, then V from word `values_at` on; what a region holds is in shaders/lib/cache.wgsl and in `kvRegionWords`. */
const cacheShape = ['2', 'blocks', 'kv heads', 'region words'] as const

type HeadConstants = Readonly<Record<(typeof headConstants)[number], number>>

function queryBytes(tokens: number, { heads, head_dim }: HeadConstants): number {
  return 4 * tokens * heads * head_dim
}

/** Bytes of K and V of some tokens. */
function cacheBytes(tokens: number, { kv_heads, head_dim, kv_bits }: HeadConstants): number {
  const scaleBytes = kv_bits < 16 ? 4 : 0
  return 2 * tokens * kv_heads * ((head_dim * kv_bits) / 8 + scaleBytes)
}

/**
 * Rotary position embedding (Su et al. 2021, arXiv:2104.09864) on Q and K, and K and V into the cache by slot mapping
 * (slot = block · block size + place in block). Angles come from a table made outside: WGSL's sine is too coarse.
 *
 * `kv_bits` 8 and 4 quantize each token's head by itself, x ≈ minimum + scale · level, with the scale and the minimum
 * as bfloat16, rounded so that the levels reach over all elements (as TurboMind's KV cache, which keeps them as f16).
 */
export const ropeKv = kernel({
  shader: 'rope_kv',
  bindings: {
    qkv: storage('read', 'vec4f', ['tokens', '(heads + 2 kv heads) · head dim / 4']),
    /** cos, sin of two pairs */
    rope: storage('read', 'vec4f', ['positions', 'head dim / 4']),
    batch,
    q: storage('read_write', 'vec4f', ['tokens', 'heads · head dim / 4']),
    cache: storage('read_write', 'u32', cacheShape),
  },
  params: { positions_at: 'u32', slots_at: 'u32', values_at: 'u32', scale: 'f32' },
  /** `half_quads`: quads of elements in half of the rotated part where pairs are (i, i + half); 0: neighbours. */
  constants: [...headConstants, 'half_quads'],
  grid: ({ tokens }: { tokens: number }, { heads, kv_heads }) => [heads + 2 * kv_heads, tokens, 1],
  bytes: ({ tokens }, c) =>
    queryBytes(tokens, c) * 2 + 4 * tokens * c.head_dim * (2 * c.kv_heads + 1) + cacheBytes(tokens, c),
})

/**
 * Paged attention of single tokens, the context split over workgroups (flash-decoding, Dao et al. 2023); each
 * workgroup serves all query heads of a kv head, up to `most_heads`. Writes (greatest score, sum) and the unscaled output
 * of each split.
 */
export const attentionDecode = kernel({
  shader: 'attention_decode',
  bindings: {
    q: storage('read', 'vec4f', ['tokens', 'heads', 'head dim / 4']),
    cache: storage('read', 'u32', cacheShape),
    batch,
    partials: storage('read_write', 'vec4f', ['tiles', 'heads', 'splits', '1 + head dim / 4']),
  },
  params: { tiles_at: 'u32', tables_at: 'u32', values_at: 'u32', splits: 'u32' },
  constants: [...headConstants, 'split_size', 'most_heads'],
  conditions: ['subgroups'],
  grid: ({ tiles, maxContext }: AttentionShape, { heads, kv_heads, most_heads, split_size }) => [
    tiles,
    kv_heads * Math.ceil(heads / kv_heads / most_heads),
    Math.ceil(maxContext / split_size),
  ],
  bytes: ({ tokens, contextTokens }, c) =>
    queryBytes(tokens, c) + cacheBytes(contextTokens, c) + partialBytes(contextTokens, c),
})

function partialBytes(
  contextTokens: number,
  {
    heads,
    head_dim,
    split_size,
  }: Pick<HeadConstants, 'heads' | 'head_dim'> & { readonly split_size: number },
): number {
  return Math.ceil(contextTokens / split_size) * heads * (4 * head_dim + 16)
}

/** Merges the splits of `attentionDecode`, in order. */
export const attentionCombine = kernel({
  shader: 'attention_combine',
  bindings: {
    partials: storage('read', 'vec4f', ['tiles', 'heads', 'splits', '1 + head dim / 4']),
    batch,
    /** Rows are `y_stride` quads apart. */
    y: storage('read_write', 'vec4f', ['tokens', 'y_stride']),
  },
  params: { tiles_at: 'u32', splits: 'u32', y_stride: 'u32' },
  constants: ['workgroup_size', 'head_dim', 'heads', 'split_size'],
  grid: ({ tiles }: AttentionShape, { heads }) => [tiles, heads, 1],
  bytes: ({ tokens, contextTokens }, c) => partialBytes(contextTokens, c) + 4 * tokens * c.heads * c.head_dim,
})

/** Lanes of a prefill tile: one for each of its tokens and query heads a kv head, in whole eights for subgroups. */
export function prefillTileLanes(tileTokens: number, groupHeads: number): number {
  return Math.ceil((tileTokens * groupHeads) / 8) * 8
}

/**
 * Paged attention of a tile of consecutive tokens, causal, with online softmax (Dao et al. 2022, arXiv:2205.14135).
 * `workgroup_size` is `prefillTileLanes`.
 */
export const attentionPrefill = kernel({
  shader: 'attention_prefill',
  bindings: {
    q: storage('read', 'vec4f', ['tokens', 'heads', 'head dim / 4']),
    cache: storage('read', 'u32', cacheShape),
    batch,
    /** Rows are `y_stride` quads apart. */
    y: storage('read_write', 'vec4f', ['tokens', 'y_stride']),
  },
  params: { tiles_at: 'u32', tables_at: 'u32', values_at: 'u32', y_stride: 'u32' },
  constants: [...headConstants, 'split_size'],
  conditions: ['subgroups'],
  grid: ({ tiles }: AttentionShape, { kv_heads }) => [tiles, kv_heads, 1],
  bytes: ({ tokens, contextTokens }, c) => 2 * queryBytes(tokens, c) + cacheBytes(contextTokens, c),
})
