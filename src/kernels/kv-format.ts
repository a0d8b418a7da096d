import type { KvFormat } from '../util/kv-format'

/** Bits of one element of the KV cache. */
export const kvBits: Readonly<Record<KvFormat, number>> = { f32: 32, f16: 16, int8: 8, int4: 4 }

/**
 * Words of one region of the cache: K, or V, of one block and one kv head. Elements come first; where they are quantized,
 * a word for each token follows, with its scale and minimum as bfloat16.
 */
export function kvRegionWords(format: KvFormat, headDim: number, blockSize: number): number {
  const bits = kvBits[format]
  return (blockSize * headDim * bits) / 32 + (bits < 16 ? blockSize : 0)
}
