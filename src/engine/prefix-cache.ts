/** Before the first token. */
export const root = 0

/** A whole block of ids after other whole blocks, and the KV blocks that hold them: at least one. */
interface Node {
  /** What the ids after these are looked up under. */
  readonly id: number
  readonly parent: number
  readonly key: string
  readonly blocks: number[]
}

/**
 * Which blocks hold the keys and values of which tokens after which other tokens: a tree whose edges are whole blocks
 * of ids, so that a hit is exact and no two prefixes can be taken for one another. One tree serves one model, on one
 * device, in one cache format.
 *
 * Sequences that computed the same ids side by side have a block each: a node lives as long as one of its blocks, so
 * that what hangs on it stays findable.
 */
export class PrefixCache {
  readonly #byKey = new Map<string, Node>()
  readonly #byBlock = new Map<number, Node>()
  #lastId = root

  /** A block that holds `ids` after the node, and the node behind it. */
  find(node: number, ids: readonly number[]): { readonly block: number; readonly node: number } | null {
    const found = this.#byKey.get(keyOf(node, ids))
    return found ? { block: found.blocks[0]!, node: found.id } : null
  }

  /** Notes what a block holds; gives the node behind these ids. */
  add(parent: number, ids: readonly number[], block: number): number {
    const key = keyOf(parent, ids)
    let node = this.#byKey.get(key)
    if (!node) {
      this.#lastId += 1
      node = { id: this.#lastId, parent, key, blocks: [] }
      this.#byKey.set(key, node)
    }
    if (!node.blocks.includes(block)) node.blocks.push(block)
    this.#byBlock.set(block, node)
    return node.id
  }

  has(block: number): boolean {
    return this.#byBlock.has(block)
  }

  /** The blocks that hold what this one holds, itself among them. */
  twins(block: number): readonly number[] {
    return this.#byBlock.get(block)?.blocks ?? []
  }

  /** The block gets another content. */
  forget(block: number): void {
    const node = this.#byBlock.get(block)
    if (!node) return
    this.#byBlock.delete(block)
    node.blocks.splice(node.blocks.indexOf(block), 1)
    if (node.blocks.length === 0) this.#byKey.delete(node.key)
  }

  /**
   * What is known can be found: each node has a block, and its parent is known as well.
   *
   * @throws Error naming the first node of which this is not so
   */
  checkIntegrity(): void {
    const nodes = [...this.#byKey.values()]
    const ids = new Set([root, ...nodes.map(({ id }) => id)])
    for (const { id, parent, blocks } of nodes) {
      if (!ids.has(parent)) throw new Error(`node ${id} hangs on node ${parent}, which is gone`)
      if (blocks.length === 0) throw new Error(`node ${id} has no block`)
      for (const block of blocks) {
        if (this.#byBlock.get(block)?.id !== id) throw new Error(`block ${block} is not of node ${id}`)
      }
    }
    const known = nodes.reduce((sum, { blocks }) => sum + blocks.length, 0)
    if (known !== this.#byBlock.size) throw new Error(`${this.#byBlock.size} blocks are of ${known} places`)
  }
}

function keyOf(node: number, ids: readonly number[]): string {
  return `${node}:${ids.join()}`
}
