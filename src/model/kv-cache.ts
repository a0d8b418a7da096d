import type { GpuDevice } from '../gpu/device'
import { kvRegionWords } from '../kernels/kv-format'
import type { KvFormat } from '../util/kv-format'
import { OctavoError } from '../util/octavo-error'
import type { ModelConfig } from './config'

/** Tokens of a KV block. A split of attention is whole blocks. */
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
  /** For each layer: words [2, blocks, kv heads, region words], see `kvRegionWords` */
  readonly layers: readonly GPUBuffer[]
  /** Bytes of K, or of V, of one block in one layer: block b's K begins at b · blockBytes. */
  readonly blockBytes: number
  /** Where V begins in a layer's buffer: block b's V lies at valuesAtBytes + b · blockBytes. */
  readonly valuesAtBytes: number
}

/**
 * Makes the cache that was asked for, or the largest that fits where nothing was asked. Comes after the weights: a
 * device that holds those can be expected to hold as much again, and WebGPU does not say what it has.
 *
 * @throws OctavoError 'gpu-out-of-memory', 'limits-too-small', 'invalid-option' for a format that the heads do not fit
 */
export async function createKvCache(
  gpu: GpuDevice,
  config: ModelConfig,
  format: KvFormat,
  maxTokens: number | null,
): Promise<KvCache> {
  if (format === 'int4' && config.headDim % 8 !== 0) {
    throw new OctavoError(
      'invalid-option',
      `kvCache.format is int4, which takes heads of a multiple of 8 elements; this model’s have ${config.headDim}.`,
      'Set kvCache.format to int8 or f16.',
    )
  }
  const blockBytes = 4 * config.kvHeads * kvRegionWords(format, config.headDim, blockSize)
  const tokenLayerBytes = (2 * blockBytes) / blockSize
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
    const layerBytes = 2 * blocks * blockBytes
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
        blockBytes,
        valuesAtBytes: blocks * blockBytes,
      }
    } catch (error) {
      for (const layer of layers) gpu.release(layer)
      const outOfMemory = error instanceof OctavoError && error.code === 'gpu-out-of-memory'
      if (!outOfMemory || maxTokens !== null || blocks <= 16) throw error
      blocks = Math.ceil(blocks / 2)
    }
  }
}

/** Where K and V of a block lie in each layer's buffer, and where among the bytes of the whole block. */
export function* blockRanges(
  { layers, blockBytes, valuesAtBytes }: Pick<KvCache, 'layers' | 'blockBytes' | 'valuesAtBytes'>,
  block: number,
): Generator<{ readonly buffer: GPUBuffer; readonly at: number; readonly offset: number }> {
  let offset = 0
  for (const buffer of layers) {
    for (const begin of [0, valuesAtBytes]) {
      yield { buffer, at: begin + block * blockBytes, offset }
      offset += blockBytes
    }
  }
}
