/** Before the first token. */
export const root = 0

interface CachedBlock {
  /** What the tokens after this block are looked up under. */
  readonly node: number
  readonly block: number
  readonly key: string
}

/**
 * Which block holds the keys and values of which tokens after which other tokens: a tree whose edges are whole blocks
 * of ids, so that a hit is exact and no two prefixes can be taken for one another. One tree serves one model, on one
 * device, in one cache format.
 */
export class PrefixCache {
  readonly #byKey = new Map<string, CachedBlock>()
  readonly #byBlock = new Map<number, CachedBlock>()
  #nodes = root

  /** The block that holds `ids` after the node, and the node behind it. */
  find(node: number, ids: readonly number[]): CachedBlock | undefined {
    return this.#byKey.get(keyOf(node, ids))
  }

  /** Notes what a block holds, unless another block holds it already; gives the node behind these ids. */
  add(node: number, ids: readonly number[], block: number): number {
    const key = keyOf(node, ids)
    let cached = this.#byKey.get(key)
    if (!cached) {
      this.#nodes += 1
      cached = { node: this.#nodes, block, key }
      this.#byKey.set(key, cached)
      this.#byBlock.set(block, cached)
    }
    return cached.node
  }

  has(block: number): boolean {
    return this.#byBlock.has(block)
  }

  /** The block gets another content. What hangs on it is found no more, and is evicted in its turn. */
  forget(block: number): void {
    const cached = this.#byBlock.get(block)
    if (!cached) return
    this.#byBlock.delete(block)
    this.#byKey.delete(cached.key)
  }
}

function keyOf(node: number, ids: readonly number[]): string {
  return `${node}:${ids.join()}`
}
