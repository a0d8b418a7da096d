import { kernel, storage } from '../gpu/kernel'
import { batch, cacheBytes, cacheShape, headConstants, layerConstants, queryBytes } from './heads'

/** Keys in one split of the context; splits are computed apart and merged in order. A multiple of the block size. */
export const splitSize = 64

/** What attention must know of a batch. */
export interface AttentionShape {
  /** Workgroups along x: decode tokens, or tiles of prefill tokens. */
  readonly tiles: number
  readonly tokens: number
  /** The longest context of these tokens. */
  readonly maxContext: number
  /** Keys and values up to the end of each tile, summed over tiles, in tokens; a window reads fewer of them. */
  readonly contextTokens: number
}

/**
 * Splits of the context that one token sees, at most: those that a window of any place touches (0: there is none, the
 * context is `maxContext` tokens). As many partial results decode attention writes for each head.
 */
export function visibleSplits(maxContext: number, window: number): number {
  const splits = Math.ceil(maxContext / splitSize)
  return window === 0 ? splits : Math.min(splits, Math.ceil((window - 1) / splitSize) + 1)
}

/**
 * Query heads of a kv head that one workgroup of decode attention serves, at most `wanted`: their queries and scores lie in 16 KiB of
 * workgroup memory.
 */
export function decodeHeads(wanted: number, headDim: number, lanes: number): number {
  const headBytes = 4 * (headDim + splitSize + lanes + 8)
  return Math.max(1, Math.min(wanted, Math.floor(16384 / headBytes)))
}

/**
 * Tokens that the tiles see. `window` is the number of keys that a token sees with its own, or, where attention is not
 * causal, how many it sees on either side; 0: all.
 */
function visibleTokens(
  { tiles, tokens, contextTokens }: AttentionShape,
  { window, causal }: { readonly window: number; readonly causal: number },
): number {
  if (window === 0) return contextTokens
  return Math.min(contextTokens, tokens + tiles * (causal === 1 ? window - 1 : 2 * window))
}

/**
 * Paged attention of single tokens, the context split over workgroups (flash-decoding, Dao et al. 2023); each
 * workgroup serves the query heads of a kv head, up to `most_heads`, at most `decodeHeads`. Writes (greatest score, sum)
 * and the unscaled output of each split that the token sees, the first one first.
 *
 * `softcap`: scores are cap · tanh(score / cap).
 */
export const attentionDecode = kernel({
  shader: 'attention_decode',
  bindings: {
    q: storage('read', 'vec4f', ['tokens', 'heads', 'head dim / 4']),
    cache: storage('read', 'u32', cacheShape),
    batch,
    partials: storage('read_write', 'vec4f', ['tiles', 'heads', 'splits', '1 + value dim / 4']),
  },
  params: { tiles_at: 'u32', tables_at: 'u32', values_at: 'u32', splits: 'u32', cap: 'f32' },
  constants: [...headConstants, 'split_size', 'most_heads', 'window'],
  conditions: ['subgroups', 'softcap'],
  grid: ({ tiles, maxContext }: AttentionShape, { heads, kv_heads, most_heads, window }) => [
    tiles,
    kv_heads * Math.ceil(heads / kv_heads / most_heads),
    visibleSplits(maxContext, window),
  ],
  bytes: ({ tokens, ...shape }, c) => {
    const seen = visibleTokens({ tokens, ...shape }, { ...c, causal: 1 })
    return queryBytes(tokens, c) + cacheBytes(seen, c) + partialBytes(seen, c)
  },
})

function partialBytes(
  seenTokens: number,
  { heads, value_dim, split_size }: Readonly<Record<'heads' | 'value_dim' | 'split_size', number>>,
): number {
  return Math.ceil(seenTokens / split_size) * heads * (4 * value_dim + 16)
}

/**
 * Merges the splits of `attentionDecode`, in order. `sinks`: each head has one more logit, `sinks_at` in the constants, that
 * takes its share and brings no value (Xiao et al. 2023, arXiv:2309.17453; learned, as in gpt-oss).
 */
export const attentionCombine = kernel({
  shader: 'attention_combine',
  bindings: {
    partials: storage('read', 'vec4f', ['tiles', 'heads', 'splits', '1 + value dim / 4']),
    batch,
    constants: layerConstants,
    /** Rows are `y_stride` quads apart. */
    y: storage('read_write', 'vec4f', ['tokens', 'y_stride']),
  },
  params: { tiles_at: 'u32', splits: 'u32', y_stride: 'u32', sinks_at: 'u32' },
  constants: ['workgroup_size', 'value_dim', 'heads', 'split_size', 'window'],
  conditions: ['sinks'],
  grid: ({ tiles }: AttentionShape, { heads }) => [tiles, heads, 1],
  bytes: (shape, c) =>
    partialBytes(visibleTokens(shape, { ...c, causal: 1 }), c) + 4 * shape.tokens * c.heads * c.value_dim,
})

/** How prefill attention cuts a batch: tokens of a tile, and its lanes, one for each token and query head. */
export interface PrefillTile {
  readonly tokens: number
  /** In whole eights, for subgroups: the `workgroup_size`. */
  readonly lanes: number
}

/**
 * The tile of at most `mostLanes` lanes, which is also the kernel's `most_heads`: more query heads of a kv head than
 * that are shared out to several workgroups.
 *
 * @param mostTokens where layers differ, those of the layer with the smallest tile: a batch has one
 */
export function prefillTile(
  groupHeads: number,
  mostLanes: number,
  mostTokens = Number.POSITIVE_INFINITY,
): PrefillTile {
  const headsEach = Math.ceil(groupHeads / Math.ceil(groupHeads / mostLanes))
  const tokens = Math.min(mostTokens, Math.floor(mostLanes / headsEach))
  return { tokens, lanes: Math.ceil((tokens * headsEach) / 8) * 8 }
}

/**
 * Paged attention of a tile of consecutive tokens with online softmax (Dao et al. 2022, arXiv:2205.14135).
 * `workgroup_size` and `most_heads` are those of `prefillTile`.
 *
 * `causal` 0: a token sees all keys of its sequence, as the tile tells them, or those at most `window` away.
 * `position_bias`: to a score is added that of its head and the distance's bucket, f32 [32, heads] from `bias_at` on.
 */
export const attentionPrefill = kernel({
  shader: 'attention_prefill',
  bindings: {
    q: storage('read', 'vec4f', ['tokens', 'heads', 'head dim / 4']),
    cache: storage('read', 'u32', cacheShape),
    batch,
    constants: layerConstants,
    /** Rows are `y_stride` quads apart. */
    y: storage('read_write', 'vec4f', ['tokens', 'y_stride']),
  },
  params: {
    tiles_at: 'u32',
    tables_at: 'u32',
    values_at: 'u32',
    y_stride: 'u32',
    sinks_at: 'u32',
    bias_at: 'u32',
    cap: 'f32',
  },
  constants: [...headConstants, 'split_size', 'most_heads', 'window', 'causal'],
  conditions: ['subgroups', 'softcap', 'sinks', 'position_bias'],
  grid: ({ tiles }: AttentionShape, { heads, kv_heads, most_heads }) => [
    tiles,
    kv_heads * Math.ceil(heads / kv_heads / most_heads),
    1,
  ],
  bytes: (shape, c) =>
    queryBytes(shape.tokens, c) +
    4 * shape.tokens * c.heads * c.value_dim +
    cacheBytes(visibleTokens(shape, c), c),
})
