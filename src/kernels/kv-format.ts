import type { KvFormat } from '../util/kv-format'

/** Bits of one element of the KV cache. */
export const kvBits: Readonly<Record<KvFormat, number>> = { f32: 32, f16: 16, int8: 8, int4: 4 }

/**
 * Words of one region of the cache: K, or V, of one block and one kv head, with `dim` elements a token. Elements come
 * first; where they are quantized, a word for each token follows, with its scale and minimum as bfloat16. V may be
 * narrower than K. Latent attention (DeepSeek-AI 2024, arXiv:2405.04434) has no region for V: a token's value is the
 * first elements of its key, and the key's scale and minimum serve both.
 */
export function kvRegionWords(format: KvFormat, dim: number, blockSize: number): number {
  const bits = kvBits[format]
  return (blockSize * dim * bits) / 32 + (bits < 16 ? blockSize : 0)
}
