import { kernel, storage } from '../gpu/kernel'

/**
 * y[t, :] = x[t, :] / sqrt(mean(x[t, :]²) + eps) · weight   (Zhang & Sennrich 2019, arXiv:1910.07467)
 *
 * One workgroup a row; rows are `stride` apart, what lies between stays as it is. `weight` lies at `weight_offset` of the layer's constants. `workgroup_size` is a power of
 * two; the sum's order follows it, so it is one number per device for every batch.
 */
export const rmsnorm = kernel({
  shader: 'rmsnorm',
  bindings: {
    x: storage('read', 'f32', ['tokens', 'stride']),
    weight: storage('read', 'f32', ['constants']),
    y: storage('read_write', 'f32', ['tokens', 'stride']),
  },
  params: { hidden: 'u32', stride: 'u32', weight_offset: 'u32', eps: 'f32' },
  constants: ['workgroup_size'],
  grid: ({ tokens }: { tokens: number; hidden: number }) => [tokens, 1, 1],
  bytes: ({ tokens, hidden }) => 4 * hidden * (2 * tokens + 1),
})
