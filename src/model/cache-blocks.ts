import type { GpuDevice } from '../gpu/device'
import { bufferUsage, mapRead } from '../gpu/flags'
import { blockRanges, type KvCache } from './kv-cache'

/** Rises whenever the bytes of a block come to mean something else: their order, or how K is rotated. */
export const cacheLayout = 2

/**
 * Copies KV blocks between the GPU and this thread, as they are stored: of each layer K, then V. Both kinds of copy
 * are submitted before the call returns. The GPU runs them and the steps in that order, so a read has what the steps
 * before it wrote even if the block is then given to another sequence, and later steps see what was written.
 */
export class CacheBlocks {
  /** Of one block, over all layers. */
  readonly blockBytes: number
  readonly #gpu: GpuDevice
  readonly #cache: KvCache
  /** Staging buffers for a block each: as many as there have ever been reads at once. */
  readonly #free: GPUBuffer[] = []

  constructor(gpu: GpuDevice, cache: KvCache) {
    this.#gpu = gpu
    this.#cache = cache
    this.blockBytes = cache.blockBytes
  }

  async read(block: number): Promise<Uint8Array<ArrayBuffer>> {
    const { device } = this.#gpu
    const staging = this.#free.pop() ?? this.#createStaging()
    const encoder = device.createCommandEncoder()
    for (const { buffer, at, offset, bytes: count } of blockRanges(this.#cache, block)) {
      encoder.copyBufferToBuffer(buffer, at, staging, offset, count)
    }
    device.queue.submit([encoder.finish()])
    await staging.mapAsync(mapRead)
    const bytes = new Uint8Array(staging.getMappedRange(0, this.blockBytes).slice(0))
    staging.unmap()
    this.#free.push(staging)
    return bytes
  }

  /** Resolves when the GPU has the bytes, so that a caller who waits has no more than one block on the way. */
  async write(block: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { queue } = this.#gpu.device
    for (const { buffer, at, offset, bytes: count } of blockRanges(this.#cache, block)) {
      queue.writeBuffer(buffer, at, bytes, offset, count)
    }
    // Sends what has been written, where no step would for a while.
    queue.submit([])
    await queue.onSubmittedWorkDone()
  }

  #createStaging(): GPUBuffer {
    const usage = bufferUsage.mapRead | bufferUsage.copyDst
    return this.#gpu.buffer('KV block on its way', this.blockBytes, usage)
  }
}
