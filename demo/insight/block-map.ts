import type { EngineStats } from 'octavo'
import { element } from '../element'

/** More squares than this are not told apart; one then stands for several blocks. */
const mostSquares = 512

/** How many KV blocks are in use: one square for each block (or few), filled while in use, pale while kept for later. */
export class BlockMap {
  readonly element = element('div', { class: 'blocks', role: 'img' })
  readonly legend = element('p', { class: 'note' })
  #total = 0

  /** @param blockSize tokens that a block holds. */
  show({ blocksInUse, cachedBlocks, blocks }: EngineStats, blockSize: number): void {
    const each = Math.max(1, Math.ceil(blocks / mostSquares))
    if (blocks !== this.#total) {
      this.#total = blocks
      const squares = Array.from({ length: Math.ceil(blocks / each) }, () => element('i'))
      this.element.replaceChildren(...squares)
      const what = each === 1 ? 'a block' : `${each} blocks`
      this.legend.textContent = `A square is ${what} of ${blockSize} tokens: filled while in use, pale while kept for a prompt that begins alike.`
    }
    const filled = Math.ceil(blocksInUse / each)
    const kept = Math.ceil((blocksInUse + cachedBlocks) / each)
    for (const [index, square] of [...this.element.children].entries()) {
      const state = index < filled ? 'filled' : index < kept ? 'kept' : ''
      if (square.className !== state) square.className = state
    }
    const words = `${blocksInUse} of ${blocks} blocks in use, ${cachedBlocks} kept for later`
    this.element.setAttribute('aria-label', words)
  }
}
