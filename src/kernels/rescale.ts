import { kernel, storage } from '../gpu/kernel'

export interface RescaleShape {
  readonly tokens: number
  readonly width: number
}

/**
 * y[t, i] = scale · y[t, i], or `added`: scale · (y[t, i] + x[t, i])
 *
 * `learned`: the scale is the value at `scale_at` in the layer's constants. What lies between rows stays as it is.
 */
export const rescale = kernel({
  shader: 'rescale',
  bindings: {
    /** Any buffer where nothing is added. */
    x: storage('read', 'f32', ['tokens', 'stride']),
    /** The layer's small tensors; any buffer where the scale is a param. */
    constants: storage('read', 'f32', ['constants']),
    y: storage('read_write', 'f32', ['tokens', 'stride']),
  },
  params: { width: 'u32', stride: 'u32', scale: 'f32', scale_at: 'u32' },
  constants: ['workgroup_size'],
  conditions: ['added', 'learned'],
  grid: ({ tokens, width }: RescaleShape, { workgroup_size }) => [
    Math.ceil(width / workgroup_size),
    tokens,
    1,
  ],
  bytes: ({ tokens, width }) => 12 * tokens * width,
})
