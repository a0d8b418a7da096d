import { kernel, storage } from '../gpu/kernel'

/**
 * Which experts each token takes, and each one's share of the sum, from the router's logits; greatest first, of equal
 * ones the one with the lower number. One workgroup a token.
 *
 * Scores are the softmax of the logits (Shazeer et al. 2017, arXiv:1701.06538; a softmax over the chosen ones alone is the
 * same, renormalized), or with `logistic` their sigmoids. `corrected`: chosen by score plus a bias for each expert, which the share does
 * not have. With `groups` above 1 experts of all but the best `top_groups` groups count 0 in the choice; a group is as good as
 * its best expert, or with `best_two` as its best two together (DeepSeek-V3, arXiv:2412.19437). `renormalized`: shares are
 * divided by their sum and eps. Last, they are multiplied by `scale`.
 */
export const route = kernel({
  shader: 'route',
  bindings: {
    logits: storage('read', 'f32', ['tokens', 'experts']),
    /** The layer's small tensors; any buffer where nothing of them is read. */
    constants: storage('read', 'f32', ['constants']),
    /** tokens · top, then the experts of each token. */
    routes: storage('read_write', 'u32', ['1 + tokens · top']),
    shares: storage('read_write', 'f32', ['tokens', 'top']),
  },
  params: { correction_at: 'u32', eps: 'f32', scale: 'f32' },
  constants: ['workgroup_size', 'experts', 'top', 'groups', 'top_groups'],
  conditions: ['logistic', 'corrected', 'best_two', 'renormalized'],
  grid: ({ tokens }: { tokens: number }) => [tokens, 1, 1],
  bytes: ({ tokens }, { experts, top }) => 4 * tokens * (experts + 2 * top),
})

/**
 * Entries of the routes that chose the same expert, in tiles of `tokens_per_lane` for matmul: the number of tiles, and
 * for each its expert and its entries, 0xffffffff where there is none. One workgroup.
 */
export const tileExperts = kernel({
  shader: 'tile_experts',
  bindings: {
    routes: storage('read', 'u32', ['1 + entries']),
    tiles: storage('read_write', 'u32', ['1 + tiles · (1 + tokens_per_lane)']),
  },
  params: {},
  constants: ['workgroup_size', 'experts', 'tokens_per_lane'],
  grid: () => [1, 1, 1],
  bytes: ({ entries }: { entries: number }) => 12 * entries,
})

/**
 * y[t, :] = scale · Σ share[t, k] · parts[t · top + k, :], in the order of k; `residual` adds that to y. One lane a value.
 */
export const combineExperts = kernel({
  shader: 'combine_experts',
  bindings: {
    parts: storage('read', 'f32', ['tokens · top', 'parts_stride']),
    shares: storage('read', 'f32', ['tokens', 'top']),
    y: storage('read_write', 'f32', ['tokens', 'y_stride']),
  },
  params: { width: 'u32', parts_stride: 'u32', y_stride: 'u32', scale: 'f32' },
  constants: ['workgroup_size', 'top'],
  conditions: ['residual'],
  grid: ({ tokens, width }: { tokens: number; width: number }, { workgroup_size }) => [
    Math.ceil(width / workgroup_size),
    tokens,
    1,
  ],
  bytes: ({ tokens, width }, { top }) => 4 * tokens * width * (top + 2),
})
