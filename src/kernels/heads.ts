import { storage } from '../gpu/kernel'

/** Constants of the model and its cache that every attention kernel is compiled with. */
export const headConstants = [
  'workgroup_size',
  'head_dim',
  /** Elements of a value; at most head_dim where the cache is latent. */
  'value_dim',
  /** 1: the cache has no V, a token's value is the first elements of its key. */
  'latent',
  'heads',
  'kv_heads',
  'block_size',
  'kv_bits',
] as const

export const batch = storage('read', 'u32', ['words'])
/** Small tensors of a layer, one behind the other. */
export const layerConstants = storage('read', 'f32', ['constants'])
/** K, then V from word `values_at` on; what a region holds is in shaders/lib/cache.wgsl and in `kvRegionWords`. */
export const cacheShape = ['k and v', 'blocks', 'kv heads', 'region words'] as const

type HeadConstants = Readonly<Record<(typeof headConstants)[number], number>>

export function queryBytes(
  tokens: number,
  { heads, head_dim }: Pick<HeadConstants, 'heads' | 'head_dim'>,
): number {
  return 4 * tokens * heads * head_dim
}

/** Bytes of K and V of some tokens. */
export function cacheBytes(tokens: number, c: HeadConstants): number {
  const scaleBytes = c.kv_bits < 16 ? 4 : 0
  const rowBytes = (dim: number) => (dim * c.kv_bits) / 8 + scaleBytes
  return tokens * c.kv_heads * (rowBytes(c.head_dim) + (c.latent === 1 ? 0 : rowBytes(c.value_dim)))
}

/** What the heads of Q and K are normalized over; the constant `norm`. */
export const headNorm = {
  none: 0,
  /** x / sqrt(mean(x²) + eps) of each head */
  rms: 1,
  /** the same of all heads of the projection together (OLMo 2), before the rotation only */
  rmsOfAll: 2,
  /** (x − mean) / sqrt(variance + eps) of each head */
  layerNorm: 3,
  /** x / sqrt(mean(x²) + eps) of what a key of a latent cache has of its value; Q is not normalized */
  rmsOfLatent: 4,
} as const

/** Which weights the normalized heads are multiplied with; the constant `norm_weights`. */
export const headNormWeights = {
  none: 0,
  /** [head dim], the same for all heads */
  shared: 1,
  /** [heads, head dim] */
  ofEachHead: 2,
} as const

/**
 * What the attention kernels are told where a model asks for nothing of its own: no norms of heads, no scale by position,
 * no window, no sinks, no bias; causal, K and V in the layer's own cache.
 */
export const plainHeads = {
  params: {
    q_norm_at: 0,
    k_norm_at: 0,
    q_bias_at: 0,
    k_bias_at: 0,
    eps: 0,
    value_eps: 0,
    clip: 0,
    scale_beta: 0,
    scale_from: 0,
    scale_span: 1,
    sinks_at: 0,
    bias_at: 0,
    cap: 0,
  },
  constants: {
    latent: 0,
    rope_from: 0,
    query_from: 0,
    norm: headNorm.none,
    norm_weights: headNormWeights.none,
    writes_kv: 1,
    window: 0,
    causal: 1,
  },
} as const
