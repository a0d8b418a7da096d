/** KV blocks of one cache group: who holds which, and how many are free. Blocks are counted, so that they can be shared. */
export class BlockManager {
  readonly #references: Uint32Array
  readonly #free: number[]

  constructor(
    readonly blocks: number,
    readonly blockSize: number,
  ) {
    this.#references = new Uint32Array(blocks)
    // Taken from the end: the lowest block first.
    this.#free = Array.from({ length: blocks }, (_, i) => blocks - 1 - i)
  }

  get freeBlocks(): number {
    return this.#free.length
  }

  get blocksInUse(): number {
    return this.blocks - this.#free.length
  }

  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockSize)
  }

  canGrow(table: readonly number[], tokens: number): boolean {
    return this.blocksFor(tokens) - table.length <= this.#free.length
  }

  /** Adds blocks to a table until it holds `tokens`; ask `canGrow` before. */
  grow(table: number[], tokens: number): void {
    while (table.length < this.blocksFor(tokens)) {
      const block = this.#free.pop()
      if (block === undefined) throw new Error('no free block')
      this.#references[block] = 1
      table.push(block)
    }
  }

  /** Gives a table's blocks back and empties it. */
  release(table: number[]): void {
    for (const block of table.splice(0).reverse()) {
      this.#references[block]! -= 1
      if (this.#references[block] === 0) this.#free.push(block)
    }
  }

  /**
   * Every block is either free once, or counted once for each table that holds it.
   *
   * @throws Error naming the first block that is not
   */
  checkIntegrity(tables: Iterable<readonly number[]>): void {
    const held = new Uint32Array(this.blocks)
    for (const table of tables) for (const block of table) held[block]! += 1
    const free = new Set(this.#free)
    if (free.size !== this.#free.length) throw new Error('a block is free twice')
    for (let block = 0; block < this.blocks; block++) {
      const references = this.#references[block]!
      if (references !== held[block]) {
        throw new Error(`block ${block} is counted ${references} times and held by ${held[block]} tables`)
      }
      if ((references === 0) !== free.has(block)) throw new Error(`block ${block} is neither free nor held`)
    }
  }
}
