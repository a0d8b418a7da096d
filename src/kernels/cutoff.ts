import { kernel, storage } from '../gpu/kernel'

export interface CutoffShape {
  readonly tokens: number
  readonly width: number
}

/**
 * y[t, :] = max(y[t, :] − mean − deviations · σ, 0), with the mean and the standard deviation of the row: of normally
 * distributed values those above a quantile stay (statistical top-k, You et al. 2025, arXiv:2506.06644).
 *
 * One workgroup a token; what lies between rows stays as it is. `workgroup_size` is a power of two; the sums' order follows it.
 */
export const cutoff = kernel({
  shader: 'cutoff',
  bindings: { y: storage('read_write', 'f32', ['tokens', 'stride']) },
  params: { width: 'u32', stride: 'u32', deviations: 'f32' },
  constants: ['workgroup_size'],
  grid: ({ tokens }: CutoffShape) => [tokens, 1, 1],
  bytes: ({ tokens, width }) => 8 * tokens * width,
})
