import { kernel, storage } from '../gpu/kernel'

/**
 * y[t, i] = silu(x[t, i]) · x[t, width + i]   (Shazeer 2020, arXiv:2002.05202)
 *
 * For gate and up matrices of different tensor types; where they share one, matvec and matmul do it as they store.
 */
export const swiglu = kernel({
  shader: 'swiglu',
  bindings: {
    x: storage('read', 'f32', ['tokens', '2 width']),
    y: storage('read_write', 'f32', ['tokens', 'width']),
  },
  params: { width: 'u32', y_stride: 'u32' },
  constants: ['workgroup_size'],
  grid: ({ tokens, width }: { tokens: number; width: number }, { workgroup_size }) => [
    Math.ceil(width / workgroup_size),
    tokens,
    1,
  ],
  bytes: ({ tokens, width }) => 12 * tokens * width,
})
