import { kernel, storage } from '../gpu/kernel'
import { madeConditions, madeParams, productBindings } from './matmul'
import { groupWeights } from './weights/format'

export interface Int8RowsShape {
  readonly tokens: number
  readonly columns: number
  /** Whether the kernel makes the rows itself: a workgroup takes a whole one then. */
  readonly makes?: boolean
}

/** Words that a group of 32 values takes: their bytes, a scale and three sums. */
export const int8GroupWords = 12

/** Fours of such words in the row of so many groups that a product rounds by itself: of three a group, or of what a made row has. */
export function roundedQuads(groups: number, made: boolean): number {
  return (groups * (made ? groupWeights : int8GroupWords)) / 4
}

/**
 * x[t, i] ≈ d · q[t, i] with whole numbers q from −127 to 127, and for each 32 of them d = max |x| / 127: the activations of
 * ggml's Q8_0, with d in f32. A product sums the q as integers, exactly in any order.
 *
 * y has for each group d as well, and d · Σ q over the group and over its halves, which weights with an offset are multiplied
 * by. Rows begin at whole groups. A group with a value that is not finite has such a d.
 *
 * `normalizes` and `combines`: x is what a norm or the splits of attention give, as `matvec` makes its rows; here `normalizes` is for
 * any number of tokens.
 */
export const int8Rows = kernel({
  shader: 'int8_rows',
  bindings: {
    x: productBindings.x,
    constants: productBindings.constants,
    /** The batch, where splits are merged; any buffer without. */
    routes: productBindings.routes,
    y: storage('read_write', 'vec4u', ['tokens', 'groups', 'words / 4']),
  },
  params: {
    /** In fours of values. */
    x_stride: 'u32',
    x_offset: 'u32',
    /** columns / 32 */
    groups: 'u32',
    ...madeParams,
  },
  constants: ['workgroup_size'],
  conditions: madeConditions,
  grid: ({ tokens, columns, makes = false }: Int8RowsShape, { workgroup_size }) => [
    makes ? 1 : Math.ceil(columns / groupWeights / workgroup_size),
    tokens,
    1,
  ],
  bytes: ({ tokens, columns }) => tokens * columns * (4 + (4 * int8GroupWords) / groupWeights),
})
