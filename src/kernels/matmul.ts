import { kernel, storage } from '../gpu/kernel'
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
}

const bindings = {
  /** Planes of one format, see shaders/weights/. */
  weights: storage('read', 'vec4u', ['planes / 4']),
  x: storage('read', 'vec4f', ['tokens', 'columns / 4']),
  y: storage('read_write', 'f32', ['tokens', 'y_stride']),
} as const

const params = {
  rows: 'u32',
  /** columns / 32 */
  groups: 'u32',
  /** Groups in a segment of the sum: a function of the columns alone. */
  segment_groups: 'u32',
  ...planeParams,
  y_stride: 'u32',
  y_offset: 'u32',
} as const

function activationBytes({ tokens, columns, outputs, residual }: MatmulShape): number {
  return 4 * tokens * (columns + outputs * (residual ? 2 : 1))
}

/**
 * y[t, :] (+)= W · x[t, :], few tokens. `residual` adds to y; `swiglu` takes W as gate over up and writes
 * silu(gate · x) · (up · x)   (Shazeer 2020, arXiv:2002.05202).
 *
 * Accumulates in f32 in one order of summation for every variant and for `matmul`: 8 segments along the columns.
 * `segment_lanes` is 1 (a lane sums whole rows: CPUs) or 8 (a lane sums a segment: GPUs).
 */
export const matvec = kernel({
  shader: 'matvec',
  bindings,
  params,
  constants: ['workgroup_size', 'segment_lanes'],
  conditions: ['residual', 'swiglu', 'subgroups'],
  grid: ({ tokens, rows }: MatmulShape, { workgroup_size, segment_lanes }) => [
    Math.ceil(rows / (4 * (workgroup_size / segment_lanes))),
    tokens,
    1,
  ],
  bytes: (shape) => shape.weightBytes + activationBytes(shape),
})

/**
 * As `matvec`, for many tokens: `tokens_per_lane` (a multiple of four) and `rows_per_lane` (even) a lane. x and y have
 * rows for whole numbers of `tokens_per_lane`.
 */
export const matmul = kernel({
  shader: 'matmul',
  bindings,
  params,
  constants: ['workgroup_size', 'rows_per_lane', 'tokens_per_lane'],
  conditions: ['residual', 'swiglu', 'subgroups'],
  grid: ({ tokens, rows }: MatmulShape, { workgroup_size, rows_per_lane, tokens_per_lane }) => [
    Math.ceil(rows / (rows_per_lane * workgroup_size)),
    Math.ceil(tokens / tokens_per_lane),
    1,
  ],
  bytes: (shape) => shape.weightBytes + activationBytes(shape),
})
