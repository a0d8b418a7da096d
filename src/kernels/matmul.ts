import { kernel, storage } from '../gpu/kernel'
import { activationParams } from './activation'
import { planeParams } from './weights/format'

/** A product of activations [tokens, columns] with a quantized matrix [rows, columns]. */
export interface MatmulShape {
  readonly tokens: number
  readonly rows: number
  /** Values that a token's result has: rows, or half of them in the gated form. */
  readonly outputs: number
  readonly columns: number
  readonly weightBytes: number
  readonly residual: boolean
  /** Where W is a stack of experts' matrices, of `rows` each; `tokens` are entries of the routes then. */
  readonly stack?: ExpertStack
  /** Of a value of x: 4 where left out. */
  readonly xBytes?: number
}

export interface ExpertStack {
  readonly experts: number
  /** Entries that read the same row of x, one after another. */
  readonly xRepeats: number
}

/** The most tiles of so many entries that experts fill: all used experts' last tiles have one entry. */
export function mostTiles(entries: number, experts: number, tokensPerLane: number): number {
  const used = Math.min(entries, experts)
  return used + Math.floor((entries - used) / tokensPerLane)
}

export const productBindings = {
  /** Planes of one format, see shaders/weights/. */
  weights: storage('read', 'vec4u', ['planes / 4']),
  x: storage('read', 'vec4f', ['tokens', 'x_stride']),
  /** The layer's small tensors; any buffer where nothing of them is read. */
  constants: storage('read', 'f32', ['constants']),
  /**
   * With `experts`, for matvec the number of entries and each one's expert; for matmul that of tiles, and for each tile its
   * expert and `tokens_per_lane` entries. Any buffer without.
   */
  routes: storage('read', 'u32', ['words']),
  y: storage('read_write', 'f32', ['tokens', 'y_stride']),
} as const

export const productParams = {
  /** Of one expert's matrix, where W is a stack. */
  rows: 'u32',
  /** columns / 32 */
  groups: 'u32',
  /** Groups in a segment of the sum: a function of the columns alone. */
  segment_groups: 'u32',
  ...planeParams,
  /** In fours of values, as x_offset: x may be a part of wider rows. */
  x_stride: 'u32',
  x_offset: 'u32',
  y_stride: 'u32',
  y_offset: 'u32',
  /** Where `constants` has a value for each row. */
  bias_at: 'u32',
  /** Biases between those of the gate's rows and those of the up projection's: of rows that another buffer has. */
  bias_skip: 'u32',
  scale: 'f32',
  cap: 'f32',
  ...activationParams,
  /** Experts whose rows are in the buffer. */
  first_expert: 'u32',
  shard_experts: 'u32',
  /** Entries that read the same row of x, one after another, and fours of values from what one of them reads to the next. */
  x_repeats: 'u32',
  x_step: 'u32',
} as const

/** Of the norm of x: elements, and where `constants` has its weights and biases. */
export const normParams = {
  norm_width: 'u32',
  norm_at: 'u32',
  norm_bias_at: 'u32',
  norm_eps: 'f32',
} as const

export const normalizing = ['normalizes', 'centered', 'shifted'] as const

/** Of a row that a kernel makes itself. */
export const madeParams = {
  ...normParams,
  /** Of the splits that are merged, as `attentionCombine` has them. */
  tiles_at: 'u32',
  splits: 'u32',
  sinks_at: 'u32',
} as const

export const madeConditions = [...normalizing, 'combines', 'sinks'] as const

/** Where x is not normalized. */
export const noNorm = { norm_width: 0, norm_at: 0, norm_bias_at: 0, norm_eps: 0 }

/** Where x is what lies in storage. */
export const notMade = { ...noNorm, tiles_at: 0, splits: 0, sinks_at: 0 }

/** Params of a product that stores its sums as they are. */
export const plainProduct = {
  x_offset: 0,
  bias_at: 0,
  bias_skip: 0,
  scale: 1,
  cap: 1,
  activation_at: 0,
  alpha: 0,
  limit: 0,
  first_expert: 0,
  shard_experts: 0,
  x_repeats: 1,
  x_step: 0,
  ...notMade,
}

export const productConditions = [
  ...['gated', 'interleaved', 'experts'],
  ...['biased', 'scaled', 'capped', 'residual', 'subgroups'],
] as const

export function productBytes({
  tokens,
  columns,
  outputs,
  residual,
  weightBytes,
  stack,
  xBytes = 4,
}: MatmulShape): number {
  const used = stack ? Math.min(tokens, stack.experts) / stack.experts : 1
  const xRows = stack ? tokens / stack.xRepeats : tokens
  return weightBytes * used + xBytes * xRows * columns + 4 * tokens * outputs * (residual ? 2 : 1)
}

/**
 * y[t, :] = f(W · x[t, :] + bias), one token to eight. In this order, each where its condition says so:
 *
 * - `biased`: a bias for each row
 * - `activation`, a number of activation.ts; `gated`: W is gate over up (`interleaved`: they take turns row by row), and
 *   y = act(gate) · up, half as many values
 * - `scaled`: times `scale`; in the gated form it is the gate that is scaled, before its activation
 * - `capped`: cap · tanh(value / cap)   (Gemma Team 2024, arXiv:2408.00118); not in the gated form
 * - `residual`: y += scale · value
 *
 * With `experts` W is a stack of matrices, and the product is one of entries: entry i is a token and one of its experts.
 * It reads row i / x_repeats of x, from (i mod x_repeats) · x_step on, and writes row i of y.
 *
 * Accumulates in f32 in one order of summation for every variant and for `matmul`: 8 segments along the columns.
 * `segment_lanes` is 1 (a lane sums whole rows: CPUs) or 8 (a lane sums a segment: GPUs). A lane takes `columns` tokens, one
 * with `experts`; x and y have rows for whole numbers of them.
 *
 * `normalizes`: x is normalized first as `norm` does it, with weights, `centered` less its mean, and `shifted` by biases. Each
 * workgroup does that by itself, in workgroup memory: `columns` is 1, `norm_width` a multiple of four, and `row_quads` a number of the
 * module, the fours of a row as the matrix pads it.
 *
 * `combines`: what is multiplied is what attention gives for the batch's only token, merged in each workgroup from the splits in `x` as
 * `attentionCombine` does it, whose constants are numbers of the module, as is `row_quads`; `routes` is the batch.
 */
export const matvec = kernel({
  shader: 'matvec',
  bindings: productBindings,
  params: { ...productParams, ...madeParams },
  constants: ['workgroup_size', 'segment_lanes', 'columns', 'activation'],
  conditions: [...productConditions, ...madeConditions],
  grid: ({ tokens, rows }: MatmulShape, { workgroup_size, segment_lanes, columns }) => [
    Math.ceil(rows / (4 * (workgroup_size / segment_lanes))),
    Math.ceil(tokens / columns),
    1,
  ],
  bytes: productBytes,
})

/**
 * As `matvec`, for many tokens: `tokens_per_lane`, four or eight, and four rows a lane. With `subgroups` as many lanes as a lane has
 * tokens load for one another. x and y have rows for whole numbers of `tokens_per_lane`. Workgroups that follow one another take other tokens of the same rows, whose
 * weights lie in a cache then.
 */
export const matmul = kernel({
  shader: 'matmul',
  bindings: productBindings,
  params: productParams,
  constants: ['workgroup_size', 'tokens_per_lane', 'activation'],
  conditions: productConditions,
  grid: ({ tokens, rows, stack }: MatmulShape, { workgroup_size, tokens_per_lane }) => [
    stack ? mostTiles(tokens, stack.experts, tokens_per_lane) : Math.ceil(tokens / tokens_per_lane),
    Math.ceil(rows / (4 * workgroup_size)),
    1,
  ],
  bytes: productBytes,
})
