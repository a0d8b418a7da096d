import { kernel, storage } from '../gpu/kernel'

export interface NormShape {
  readonly tokens: number
  /** Parts of a row that are normalized each by itself; one where left out. */
  readonly parts?: number
  readonly width: number
}

/**
 * y[t, :] = x[t, :] / sqrt(mean(x[t, :]²) + eps) · weight   (Zhang & Sennrich 2019, arXiv:1910.07467)
 *
 * - `centered`: of x less its mean   (layer normalization: Ba, Kiros & Hinton 2016, arXiv:1607.06450)
 * - `weighted`, `biased`: weights and biases lie at their offsets in the layer's constants; parts of a row have theirs
 *   `weight_stride` apart, 0 where they share them
 * - `residual`: y += scale · norm(x)
 *
 * One workgroup a part; what lies between rows stays as it is. The order of the sums follows the width alone, see
 * shaders/lib/strands.wgsl.
 */
export const norm = kernel({
  shader: 'norm',
  bindings: {
    x: storage('read', 'f32', ['tokens', 'x_stride']),
    /** The layer's small tensors; any buffer where nothing of them is read. */
    constants: storage('read', 'f32', ['constants']),
    y: storage('read_write', 'f32', ['tokens', 'y_stride']),
  },
  params: {
    width: 'u32',
    x_stride: 'u32',
    x_offset: 'u32',
    y_stride: 'u32',
    y_offset: 'u32',
    weight_offset: 'u32',
    weight_stride: 'u32',
    bias_offset: 'u32',
    eps: 'f32',
    scale: 'f32',
  },
  constants: ['workgroup_size'],
  conditions: ['centered', 'weighted', 'biased', 'residual'],
  grid: ({ tokens, parts = 1 }: NormShape) => [tokens, parts, 1],
  bytes: ({ tokens, parts = 1, width }) => 4 * parts * width * (2 * tokens + 1),
})
