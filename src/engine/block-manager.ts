import { PrefixCache, root } from './prefix-cache'

/** The blocks of one sequence, in the order of its tokens. */
export interface BlockTable {
  readonly blocks: number[]
  /** How many of them the prefix cache knows, from the first on, and its node behind those. */
  cachedBlocks: number
  cacheNode: number
}

export function emptyTable(): BlockTable {
  return { blocks: [], cachedBlocks: 0, cacheNode: root }
}

/**
 * KV blocks of one cache group: who holds which, and how many are free.
 *
 * Blocks are counted, so that sequences share those of a common prefix. A block that nobody holds any more but whose
 * tokens are known stays findable until it is needed; the one that was released longest ago goes first.
 */
export class BlockManager {
  /** Blocks that were taken from the prefix cache for other tokens. */
  evictions = 0
  /** Rises when blocks become free or findable: what found no room before need not try again until then. */
  changes = 0
  readonly #references: Uint32Array
  /** Blocks that hold nothing of use. */
  readonly #free: number[]
  /** Blocks that nobody holds and the prefix cache knows, in the order of their release. */
  readonly #idle = new Set<number>()
  readonly #prefixes = new PrefixCache()

  constructor(
    readonly blocks: number,
    readonly blockSize: number,
    /** Whether blocks that hold a prompt's beginning are of use to others. */
    readonly findable = true,
  ) {
    this.#references = new Uint32Array(blocks)
    // Taken from the end: the lowest block first.
    this.#free = Array.from({ length: blocks }, (_, i) => blocks - 1 - i)
  }

  /** Those that a new token may take. */
  get freeBlocks(): number {
    return this.#free.length + this.#idle.size
  }

  get blocksInUse(): number {
    return this.blocks - this.freeBlocks
  }

  /** Held by nobody, kept for a prompt that begins like them. */
  get idleBlocks(): number {
    return this.#idle.size
  }

  blocksFor(tokens: number): number {
    return Math.ceil(tokens / this.blockSize)
  }

  canGrow({ blocks }: BlockTable, tokens: number): boolean {
    return this.blocksFor(tokens) - blocks.length <= this.freeBlocks
  }

  /** Adds blocks to a table until it holds `tokens`; ask `canGrow` before. */
  grow({ blocks }: BlockTable, tokens: number): void {
    while (blocks.length < this.blocksFor(tokens)) {
      const block = this.#free.pop() ?? this.#evict()
      this.#references[block] = 1
      blocks.push(block)
    }
  }

  #evict(): number {
    const [block] = this.#idle
    if (block === undefined) throw new Error('no free block')
    this.#idle.delete(block)
    this.#prefixes.forget(block)
    this.evictions += 1
    return block
  }

  /**
   * Gives an empty table the blocks that hold the first `tokens` of `ids`, as far as there are any; not the last one
   * if nothing else is said, since it must be computed to go on from it.
   */
  sharePrefix(table: BlockTable, ids: readonly number[], tokens = ids.length - 1): void {
    const { blockSize } = this
    for (let end = blockSize; end <= tokens; end += blockSize) {
      const found = this.#prefixes.find(table.cacheNode, ids.slice(end - blockSize, end))
      if (!found) return
      this.#references[found.block]! += 1
      this.#idle.delete(found.block)
      table.blocks.push(found.block)
      table.cachedBlocks += 1
      table.cacheNode = found.node
    }
  }

  /** Gives an empty table the other's full blocks of the first `tokens`, which have been computed. */
  shareBlocks(table: BlockTable, from: BlockTable, tokens: number): void {
    for (const block of from.blocks.slice(0, Math.floor(tokens / this.blockSize))) {
      this.#references[block]! += 1
      table.blocks.push(block)
    }
  }

  /** Lets others find the table's full blocks; `ids` are those whose keys and values are, or will be, written. */
  remember(table: BlockTable, ids: readonly number[], computed: number): void {
    const { blockSize } = this
    if (!this.findable) return
    const full = Math.floor(Math.min(ids.length, computed) / blockSize)
    for (let i = table.cachedBlocks; i < full; i++) {
      const content = ids.slice(i * blockSize, (i + 1) * blockSize)
      table.cacheNode = this.#prefixes.add(table.cacheNode, content, table.blocks[i]!)
      table.cachedBlocks += 1
      this.changes += 1
    }
  }

  /** Gives a table's blocks back and empties it. The last ones are the first to be taken again. */
  release(table: BlockTable): void {
    for (const block of table.blocks.splice(0).reverse()) {
      this.#references[block]! -= 1
      if (this.#references[block] === 0) this.#retire(block)
    }
    table.cachedBlocks = 0
    table.cacheNode = root
  }

  /**
   * Keeps a block that nobody holds any more if it is the only one of its content, or in the place of one that was
   * kept before. So what hangs on a block is always evicted before it.
   */
  #retire(block: number): void {
    this.changes += 1
    const twins = this.#prefixes.twins(block)
    if (twins.length === 0 || twins.some((twin) => this.#references[twin]! > 0)) {
      this.#drop(block)
      return
    }
    const kept = twins.find((twin) => this.#idle.delete(twin))
    if (kept !== undefined) this.#drop(kept)
    this.#idle.add(block)
  }

  #drop(block: number): void {
    this.#prefixes.forget(block)
    this.#free.push(block)
  }

  /**
   * Every block is either free, or idle, or counted once for each table that holds it.
   *
   * @throws Error naming the first block that is not
   */
  checkIntegrity(tables: Iterable<BlockTable>): void {
    const held = new Uint32Array(this.blocks)
    for (const { blocks } of tables) for (const block of blocks) held[block]! += 1
    const free = new Set(this.#free)
    if (free.size !== this.#free.length) throw new Error('a block is free twice')
    for (let block = 0; block < this.blocks; block++) {
      const references = this.#references[block]!
      if (references !== held[block]) {
        throw new Error(`block ${block} is counted ${references} times and held by ${held[block]} tables`)
      }
      const places = [references > 0, free.has(block), this.#idle.has(block)].filter(Boolean).length
      if (places !== 1) throw new Error(`block ${block} is in ${places} of: held, free, idle`)
      if (this.#idle.has(block) && !this.#prefixes.has(block))
        throw new Error(`idle block ${block} cannot be found`)
      if (free.has(block) && this.#prefixes.has(block)) throw new Error(`free block ${block} can be found`)
    }
    this.#prefixes.checkIntegrity()
  }
}
