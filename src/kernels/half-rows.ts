import { kernel, storage } from '../gpu/kernel'
import { type MatmulShape, matmul, productBindings, productConditions } from './matmul'
import { groupWeights } from './weights/format'

export interface HalfRowsShape {
  readonly tokens: number
  readonly columns: number
}

/** Words that a group of 32 values takes: two values each, a scale and three sums. */
export const halfGroupWords = 20

/** Fours of words from one row to the next. */
export function halfStride(columns: number): number {
  return (columns / groupWeights) * (halfGroupWords / 4)
}

/**
 * x[t, i] ≈ d · h[t, i] with f16 numbers h, and for each 32 of them a power of two d, so that |h| < 2¹⁵: no value is too great for
 * them, and what is 2²⁸ times as small as the greatest of its group is lost.
 *
 * y has for each group d as well, and d · Σ h over the group and over its halves, which weights with an offset are multiplied
 * by. Rows begin at whole groups. A group with a value that is not finite has such a d.
 */
export const halfRows = kernel({
  shader: 'half_rows',
  bindings: {
    x: productBindings.x,
    y: storage('read_write', 'vec4u', ['tokens', 'groups', 'words / 4']),
  },
  params: {
    /** In fours of values. */
    x_stride: 'u32',
    x_offset: 'u32',
    /** columns / 32 */
    groups: 'u32',
  },
  constants: ['workgroup_size'],
  grid: ({ tokens, columns }: HalfRowsShape, { workgroup_size }) => [
    Math.ceil(columns / groupWeights / workgroup_size),
    tokens,
    1,
  ],
  bytes: ({ tokens, columns }) => tokens * columns * (4 + (4 * halfGroupWords) / groupWeights),
})

/**
 * As `matmul` without `subgroups`, with activations as `halfRows` writes them: a lane loads five eighths of the bytes.
 * All sums are in f32, in the same order: where no activation is rounded, the bits are those of `matmul`. Compiled with `half_rows`.
 */
export const halfMatmul = kernel({
  ...matmul,
  bindings: {
    ...productBindings,
    /** x_stride and x_offset are fours of words. */
    x: storage('read', 'vec4u', ['tokens', 'groups', 'words / 4']),
  },
  conditions: [...productConditions.filter((name) => name !== 'subgroups'), 'half_rows'],
  grid: (shape: MatmulShape, constants) => matmul.grid(shape, constants),
})
