import type { GpuDevice } from '../gpu/device'
import { type ProductRoutes, tileSizes } from './experts'

/**
 * Routes by which each token takes every head, in order; they are the same in every step: a product of each head's matrix with its part of a row is one of experts that every token takes. Tiles have consecutive
 * tokens, each head's in turn.
 *
 * @param maxTokens rows that activations have, in whole eights
 */
export function createHeadRoutes(gpu: GpuDevice, heads: number, maxTokens: number): ProductRoutes {
  const filled = (label: string, words: Uint32Array<ArrayBuffer>) => {
    const buffer = gpu.storage(label, words.byteLength)
    gpu.device.queue.writeBuffer(buffer, 0, words)
    return buffer
  }
  const entries = maxTokens * heads
  const chosen = Uint32Array.from({ length: 1 + entries }, (_, i) => (i === 0 ? entries : (i - 1) % heads))
  const tilesOf = (size: number) => {
    const words = new Uint32Array(1 + (entries / size) * (1 + size))
    words[0] = entries / size
    for (let tile = 0; tile < entries / size; tile++) {
      const head = tile % heads
      const first = Math.floor(tile / heads) * size
      const own = Array.from({ length: size }, (_, i) => (first + i) * heads + head)
      words.set([head, ...own], 1 + tile * (1 + size))
    }
    return filled(`tiles of heads, u32 by ${size}`, words)
  }
  return {
    experts: heads,
    top: heads,
    chosen: filled('heads, u32 [1 + tokens · heads]', chosen),
    tiles: new Map(tileSizes.map((size) => [size, tilesOf(size)])),
  }
}
