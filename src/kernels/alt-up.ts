import { kernel, storage } from '../gpu/kernel'

export interface AltUpShape {
  readonly tokens: number
  readonly streams: number
  readonly width: number
}

const streamRows = ['tokens', 'streams', 'stride'] as const
const rows = ['tokens', 'stride'] as const

/** Where the layer's constants have a norm's weights [width] and the router [streams, width]; see lib/modalities.wgsl. */
const routerParams = { norm_at: 'u32', router_at: 'u32', eps: 'f32' } as const

/**
 * What a layer's streams are taken to be before the layer has run (AltUp, Baykal et al. 2023, arXiv:2301.13310):
 * predicted[j] = x[j] + Σ_k c[j, k] · x[k], with c [streams, streams] = P · m, P [streams², streams] from `coefs_at` on, and m the
 * modalities of `main_stream`, whose prediction is also y.
 *
 * One workgroup a token. `workgroup_size` is a power of two; the sums' order follows it.
 */
export const altUpPredict = kernel({
  shader: 'alt_up_predict',
  bindings: {
    x: storage('read', 'f32', streamRows),
    constants: storage('read', 'f32', ['constants']),
    predicted: storage('read_write', 'f32', streamRows),
    y: storage('read_write', 'f32', rows),
  },
  params: { width: 'u32', stride: 'u32', main_stream: 'u32', coefs_at: 'u32', ...routerParams },
  constants: ['workgroup_size', 'streams'],
  grid: ({ tokens }: AltUpShape) => [tokens, 1, 1],
  bytes: ({ tokens, streams, width }) => 4 * tokens * width * (2 * streams + 1),
})

/**
 * The streams after the layer, which made x of the active one's prediction:
 * corrected[j] = predicted[j] + (1 + c[j]) · (x − predicted[main]), with c = C · m, C [streams, streams] from `coefs_at` on, and m
 * the modalities of x. y is the active one's, `output_scaled`: times the weights from `scale_at` on.
 */
export const altUpCorrect = kernel({
  shader: 'alt_up_correct',
  bindings: {
    x: storage('read', 'f32', rows),
    constants: storage('read', 'f32', ['constants']),
    predicted: storage('read', 'f32', streamRows),
    corrected: storage('read_write', 'f32', streamRows),
    y: storage('read_write', 'f32', rows),
  },
  params: {
    width: 'u32',
    stride: 'u32',
    main_stream: 'u32',
    coefs_at: 'u32',
    scale_at: 'u32',
    ...routerParams,
  },
  constants: ['workgroup_size', 'streams'],
  conditions: ['output_scaled'],
  grid: ({ tokens }: AltUpShape) => [tokens, 1, 1],
  bytes: ({ tokens, streams, width }) => 4 * tokens * width * (2 * streams + 2),
})

/**
 * Rows with the magnitude of another: z[0] = x and z[j] = projected[j] · rms(x) / sqrt(max(mean(projected[j]²), floor)).
 * y = z [streams, stride] a token, or `averaged`: their mean. One workgroup a token; stream 0 of `projected` is not read.
 */
export const matchMagnitude = kernel({
  shader: 'match_magnitude',
  bindings: {
    x: storage('read', 'f32', ['tokens', 'x_stride']),
    projected: storage('read', 'f32', streamRows),
    y: storage('read_write', 'f32', streamRows),
  },
  params: { width: 'u32', stride: 'u32', x_stride: 'u32', floor: 'f32' },
  constants: ['workgroup_size', 'streams'],
  conditions: ['averaged'],
  grid: ({ tokens }: AltUpShape) => [tokens, 1, 1],
  bytes: ({ tokens, streams, width }) => 8 * tokens * width * streams,
})
