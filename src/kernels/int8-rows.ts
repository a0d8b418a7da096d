import { kernel, storage } from '../gpu/kernel'
import { groupWeights } from './weights/format'

export interface Int8RowsShape {
  readonly tokens: number
  readonly columns: number
}

/** Words that a group of 32 values takes: their bytes, a scale and three sums. */
export const int8GroupWords = 12

/**
 * x[t, i] ≈ d · q[t, i] with whole numbers q from −127 to 127, and for each 32 of them d = max |x| / 127: the activations of
 * ggml's Q8_0, with d in f32. A product sums the q as integers, exactly in any order.
 *
 * y has for each group d as well, and d · Σ q over the group and over its halves, which weights with an offset are multiplied
 * by. Rows begin at whole groups. A group with a value that is not finite has such a d.
 */
export const int8Rows = kernel({
  shader: 'int8_rows',
  bindings: {
    x: storage('read', 'vec4f', ['tokens', 'x_stride']),
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
  grid: ({ tokens, columns }: Int8RowsShape, { workgroup_size }) => [
    Math.ceil(columns / groupWeights / workgroup_size),
    tokens,
    1,
  ],
  bytes: ({ tokens, columns }) => tokens * columns * (4 + (4 * int8GroupWords) / groupWeights),
})
