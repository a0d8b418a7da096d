import { kernel, storage } from '../gpu/kernel'

/** How a sequence's rows become one: `weighted-mean` weighs row i by i + 1, `mean-sqrt` divides the sum by √rows. */
export const poolings = ['mean', 'cls', 'last', 'max', 'weighted-mean', 'mean-sqrt'] as const

export type Pooling = (typeof poolings)[number]

/**
 * y[s, :] = the rows of sequence s as one vector (Reimers & Gurevych 2019, arXiv:1908.10084), of length 1 where
 * `normalized`.
 *
 * One workgroup a sequence, whose rows of `x` are said by two words of the batch from `sequences_at` on: the first and how
 * many, at least one. A column's rows are summed in order and squares as in `rmsnorm`, so a sequence has the same bits in
 * any batch. `pooling` is a place in `poolings`; `workgroup_size` is a power of two.
 */
export const pool = kernel({
  shader: 'pool',
  bindings: {
    x: storage('read', 'f32', ['tokens', 'stride']),
    batch: storage('read', 'u32', ['words']),
    y: storage('read_write', 'f32', ['sequences', 'y_stride']),
  },
  params: { sequences_at: 'u32', width: 'u32', stride: 'u32', y_stride: 'u32' },
  constants: ['workgroup_size', 'pooling'],
  conditions: ['normalized'],
  grid: ({ sequences }: { sequences: number; tokens: number; width: number }) => [sequences, 1, 1],
  bytes: ({ sequences, tokens, width }) => 4 * width * (tokens + sequences),
})
