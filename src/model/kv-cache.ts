import type { GpuDevice } from '../gpu/device'
import { OctavoError } from '../util/octavo-error'
import type { ModelConfig } from './config'

export type KvFormat = 'f16' | 'f32'

/** Tokens of a KV block; also the tile of attention, so that a tile needs one look-up in the block table. */
export const blockSize = 32

/** The default cache takes as much as the weights, within these bounds, whatever context the model was trained for. */
const leastDefaultBytes = 256 * 1024 ** 2
const mostDefaultBytes = 1024 ** 3

/** One group of layers whose K and V have one shape; the first models have one. */
export interface KvCache {
  readonly format: KvFormat
  readonly blocks: number
  readonly maxTokens: number
  readonly bytes: number
  /** For each layer: f16 in pairs or f32 [2, blocks, kv heads, block size, head dim] */
  readonly layers: readonly GPUBuffer[]
  /** Elements before V. */
  readonly valuesAt: number
  readonly elementBytes: number
}

/**
 * Makes the cache that was asked for, or the largest that fits where nothing was asked. Comes after the weights: a
 * device that holds those can be expected to hold as much again, and WebGPU does not say what it has.
 *
 * @throws OctavoError 'gpu-out-of-memory', 'limits-too-small'
 */
export async function createKvCache(
  gpu: GpuDevice,
  config: ModelConfig,
  format: KvFormat,
  maxTokens: number | null,
): Promise<KvCache> {
  const elementBytes = format === 'f16' ? 2 : 4
  const elementsPerToken = config.kvHeads * config.headDim
  const tokenLayerBytes = 2 * elementsPerToken * elementBytes
  const bindingTokens = Math.floor(gpu.info.maxBindingBytes / tokenLayerBytes)
  const defaultBytes = Math.min(mostDefaultBytes, Math.max(leastDefaultBytes, gpu.bytes))
  const affordable = Math.floor(defaultBytes / (tokenLayerBytes * config.layers))
  let blocks = Math.ceil((maxTokens ?? Math.min(config.contextLength, bindingTokens, affordable)) / blockSize)
  if (maxTokens !== null && blocks * blockSize > bindingTokens) {
    throw new OctavoError(
      'limits-too-small',
      `kvCache.maxTokens is ${maxTokens}; this GPU can address ${bindingTokens} tokens of this model’s cache.`,
      `Set kvCache.maxTokens to ${bindingTokens - (bindingTokens % blockSize)} or less.`,
    )
  }
  blocks = Math.max(1, Math.min(blocks, Math.floor(bindingTokens / blockSize)))
  for (;;) {
    const layerBytes = blocks * blockSize * tokenLayerBytes
    const layers: GPUBuffer[] = []
    try {
      await gpu.allocating('the KV cache', () => {
        for (let i = 0; i < config.layers; i++)
          layers.push(gpu.storage(`layer ${i} KV cache, ${format}`, layerBytes))
      })
      return {
        format,
        blocks,
        maxTokens: blocks * blockSize,
        bytes: layerBytes * config.layers,
        layers,
        valuesAt: blocks * blockSize * elementsPerToken,
        elementBytes,
      }
    } catch (error) {
      for (const layer of layers) gpu.release(layer)
      const outOfMemory = error instanceof OctavoError && error.code === 'gpu-out-of-memory'
      if (!outOfMemory || maxTokens !== null || blocks <= 16) throw error
      blocks = Math.ceil(blocks / 2)
    }
  }
}
