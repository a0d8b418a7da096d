import type { GpuDevice } from '../gpu/device'
import { bufferUsage } from '../gpu/flags'
import { blockRanges, type KvCache } from './kv-cache'
import type { StepChunk } from './step'

/** Copies KV blocks within the cache, by way of a buffer beside it, since WebGPU copies between two buffers only. */
export class BlockCopies {
  readonly #cache: KvCache
  /** K and V of each layer */
  readonly #between: GPUBuffer

  constructor(gpu: GpuDevice, cache: KvCache) {
    this.#cache = cache
    const copies = bufferUsage.copySrc | bufferUsage.copyDst
    this.#between = gpu.buffer('a KV block of all layers', cache.blockBytes, copies)
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
    for (const { buffer, at, offset, bytes } of blockRanges(this.#cache, block)) {
      if (way === 'out') encoder.copyBufferToBuffer(buffer, at, this.#between, offset, bytes)
      else encoder.copyBufferToBuffer(this.#between, offset, buffer, at, bytes)
    }
  }
}
