import { type BlockManager, emptyTable } from './block-manager'

/**
 * The blocks that hold the beginning of `ids`, held while they are copied to a store or from one.
 *
 * A copy takes longer than a step, and no sequence waits for it: as soon as one needs the memory, the scheduler
 * releases what is held. That is safe at any time, since the GPU runs copies and steps in the order of their submits.
 */
export class HeldPrefix {
  readonly table = emptyTable()
  #released = false

  constructor(
    readonly ids: readonly number[],
    readonly blocks: BlockManager,
  ) {
    blocks.sharePrefix(this.table, ids, ids.length)
  }

  /** Whole blocks, from the first of the ids on. */
  get length(): number {
    return this.table.blocks.length
  }

  /** Null where there is none, or a sequence has needed the memory. */
  block(index: number): number | null {
    return this.table.blocks[index] ?? null
  }

  /**
   * Takes a block for the ids that follow and has it filled at once, so that prompts find it; false where there are no
   * more whole blocks of ids, or no room.
   */
  add(fill: (block: number) => void): boolean {
    const { table, blocks, ids } = this
    const end = (this.length + 1) * blocks.blockSize
    if (this.#released || end > ids.length || !blocks.canGrow(table, end)) return false
    blocks.grow(table, end)
    fill(table.blocks.at(-1)!)
    blocks.remember(table, ids, end)
    return true
  }

  /** Lets go of the blocks; prompts find them until their memory is needed. */
  release(): void {
    this.#released = true
    this.blocks.release(this.table)
  }
}
