import type { GpuDevice } from '../gpu/device'
import type { KvCache } from './kv-cache'
import type { StepChunk } from './step'

/** Copies KV blocks within the cache, by way of a buffer beside it, since WebGPU copies between two buffers only. */
export class BlockCopies {
  readonly #cache: KvCache
  /** Bytes of K, or of V, of one block in one layer. */
  readonly #blockBytes: number
  /** [layers, 2, block bytes] */
  readonly #between: GPUBuffer

  constructor(gpu: GpuDevice, cache: KvCache) {
    this.#cache = cache
    this.#blockBytes = cache.bytes / cache.layers.length / 2 / cache.blocks
    this.#between = gpu.storage('a KV block of all layers', 2 * cache.layers.length * this.#blockBytes)
  }

  /** Records what the chunks want copied. Those that want the same block stand side by side and read it once. */
  record(encoder: GPUCommandEncoder, chunks: readonly StepChunk[]): void {
    let read: number | null = null
    for (const { copyBlock } of chunks) {
      if (!copyBlock) continue
      const { from, to } = copyBlock
      if (from !== read) this.#copy(encoder, from, 'out')
      read = from
      this.#copy(encoder, to, 'in')
    }
  }

  #copy(encoder: GPUCommandEncoder, block: number, way: 'out' | 'in'): void {
    const { layers, blocks } = this.#cache
    const bytes = this.#blockBytes
    layers.forEach((layer, i) => {
      for (const [half, first] of [block, blocks + block].entries()) {
        const [at, between] = [first * bytes, (2 * i + half) * bytes]
        if (way === 'out') encoder.copyBufferToBuffer(layer, at, this.#between, between, bytes)
        else encoder.copyBufferToBuffer(this.#between, between, layer, at, bytes)
      }
    })
  }
}
