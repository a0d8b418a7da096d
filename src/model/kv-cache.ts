import type { GpuDevice } from '../gpu/device'
import { kvRegionWords } from '../kernels/kv-format'
import type { KvFormat } from '../util/kv-format'
import { OctavoError } from '../util/octavo-error'
import { attentionIn } from './attention-in'
import type { AttentionTensors } from './parts/attention'
import type { ModelTensors } from './tensors'

/** Tokens of a KV block. A split of attention is whole blocks. */
export const blockSize = 32

/** The default cache takes as much as the weights, within these bounds, whatever context the model was trained for. */
const leastDefaultBytes = 256 * 1024 ** 2
const mostDefaultBytes = 1024 ** 3

/** Bytes of one block in a layer: of K, and of V, which a latent cache has not. */
interface LayerBlock {
  readonly keyBytes: number
  readonly valueBytes: number
}

/** K, then V of one layer: words [blocks, kv heads, region words] each, see `kvRegionWords` */
export interface KvLayer extends LayerBlock {
  readonly buffer: GPUBuffer
  /** Where V begins: block b's V lies at valuesAtBytes + b · valueBytes; its K at b · keyBytes. */
  readonly valuesAtBytes: number
}

/** A layer's part in a buffer of so many blocks. */
export function kvLayer(buffer: GPUBuffer, blocks: number, block: LayerBlock): KvLayer {
  return { buffer, ...block, valuesAtBytes: blocks * block.keyBytes }
}

/** What a layer with attention keeps of a block of tokens. */
export function layerBlock(
  { kvHeads, headDim, latent }: Pick<AttentionTensors, 'kvHeads' | 'headDim' | 'latent'>,
  format: KvFormat,
): LayerBlock {
  const keyBytes = 4 * kvHeads * kvRegionWords(format, headDim, blockSize)
  return { keyBytes, valueBytes: latent ? 0 : keyBytes }
}

export const blockBytesOf = ({ keyBytes, valueBytes }: LayerBlock): number => keyBytes + valueBytes

/** Blocks of all layers that have K and V; their shapes may differ from layer to layer. */
export interface KvCache {
  readonly format: KvFormat
  readonly blocks: number
  readonly maxTokens: number
  readonly bytes: number
  /** null: a layer without attention. Layers that share K and V have the same. */
  readonly layers: readonly (KvLayer | null)[]
  /** Bytes of one block, over all layers. */
  readonly blockBytes: number
}

/** Of each layer; null: it has no cache of its own. */
function layerBlocks({ layers }: ModelTensors, format: KvFormat): (LayerBlock | null)[] {
  return layers.map(({ mixer }) => {
    const [attention] = attentionIn([{ mixer }])
    return attention?.sharesKvOf === null ? layerBlock(attention, format) : null
  })
}

/**
 * Makes the cache that was asked for, or the largest that fits where nothing was asked. Comes after the weights: a
 * device that holds those can be expected to hold as much again, and WebGPU does not say what it has.
 *
 * @param contextLength tokens that the model was trained for
 * @throws OctavoError 'gpu-out-of-memory', 'limits-too-small', 'invalid-option' for a format that the heads do not fit
 */
export async function createKvCache(
  gpu: GpuDevice,
  tensors: ModelTensors,
  contextLength: number,
  format: KvFormat,
  maxTokens: number | null,
): Promise<KvCache> {
  const attention = attentionIn(tensors.layers)
  const odd = attention.find(({ headDim }) => headDim % 8 !== 0)
  if (format === 'int4' && odd) {
    throw new OctavoError(
      'invalid-option',
      `kvCache.format is int4, which takes heads of a multiple of 8 elements; this model’s have ${odd.headDim}.`,
      'Set kvCache.format to int8 or f16.',
    )
  }
  const perLayer = layerBlocks(tensors, format)
  const bytesOf = perLayer.map((block) => (block ? blockBytesOf(block) : 0))
  const widest = Math.max(1, ...bytesOf)
  const blockBytes = bytesOf.reduce((sum, bytes) => sum + bytes, 0)
  const bindingTokens = Math.floor((gpu.info.maxBindingBytes / widest) * blockSize)
  const defaultBytes = Math.min(mostDefaultBytes, Math.max(leastDefaultBytes, gpu.bytes))
  const affordable = Math.floor((defaultBytes / Math.max(1, blockBytes)) * blockSize)
  let blocks = Math.ceil((maxTokens ?? Math.min(contextLength, bindingTokens, affordable)) / blockSize)
  if (maxTokens !== null && blocks * blockSize > bindingTokens) {
    throw new OctavoError(
      'limits-too-small',
      `kvCache.maxTokens is ${maxTokens}; this GPU can address ${bindingTokens} tokens of this model’s cache.`,
      `Set kvCache.maxTokens to ${bindingTokens - (bindingTokens % blockSize)} or less.`,
    )
  }
  blocks = Math.max(1, Math.min(blocks, Math.floor(bindingTokens / blockSize)))
  for (;;) {
    const buffers: GPUBuffer[] = []
    try {
      const own = await gpu.allocating('the KV cache', () =>
        perLayer.map((block, i): KvLayer | null => {
          if (block === null) return null
          const buffer = gpu.storage(`layer ${i} KV cache, ${format}`, blocks * blockBytesOf(block))
          buffers.push(buffer)
          return kvLayer(buffer, blocks, block)
        }),
      )
      const layers = tensors.layers.map(({ mixer }, i) => own[attentionIn([{ mixer }])[0]?.sharesKvOf ?? i]!)
      return { format, blocks, maxTokens: blocks * blockSize, bytes: blocks * blockBytes, layers, blockBytes }
    } catch (error) {
      for (const buffer of buffers) gpu.release(buffer)
      const outOfMemory = error instanceof OctavoError && error.code === 'gpu-out-of-memory'
      if (!outOfMemory || maxTokens !== null || blocks <= 16) throw error
      blocks = Math.ceil(blocks / 2)
    }
  }
}

/** Where K and V of a block lie in each layer's buffer, and where among the bytes of the whole block. */
export function* blockRanges({ layers }: Pick<KvCache, 'layers'>, block: number): Generator<BlockRange> {
  let offset = 0
  for (const layer of new Set(layers)) {
    if (!layer) continue
    const { buffer, keyBytes, valueBytes, valuesAtBytes } = layer
    yield { buffer, at: block * keyBytes, offset, bytes: keyBytes }
    offset += keyBytes
    if (valueBytes === 0) continue
    yield { buffer, at: valuesAtBytes + block * valueBytes, offset, bytes: valueBytes }
    offset += valueBytes
  }
}

interface BlockRange {
  readonly buffer: GPUBuffer
  readonly at: number
  readonly offset: number
  readonly bytes: number
}
