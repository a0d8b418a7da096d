import { element } from '../element'

/** More squares than this are not told apart; one then stands for several blocks. */
const mostSquares = 512

/** How many KV blocks are in use: one square for each block (or few), filled where in use. */
export class BlockMap {
  readonly element = element('div', { class: 'blocks', role: 'img' })
  readonly legend = element('p', { class: 'note' })
  #total = 0
  #most = 0

  /** @param blockSize tokens that a block holds. */
  show(inUse: number, total: number, blockSize: number): void {
    const each = Math.max(1, Math.ceil(total / mostSquares))
    const squares = Math.ceil(total / each)
    if (total !== this.#total) {
      this.#total = total
      this.#most = 0
      this.element.replaceChildren(...Array.from({ length: squares }, () => element('i')))
      const what = each === 1 ? 'a block' : `${each} blocks`
      this.legend.textContent = `A square is ${what} of ${blockSize} tokens: filled while in use, outlined where it has been.`
    }
    this.#most = Math.max(this.#most, inUse)
    const filled = Math.ceil(inUse / each)
    const used = Math.ceil(this.#most / each)
    for (const [index, square] of [...this.element.children].entries()) {
      square.className = index < filled ? 'filled' : index < used ? 'used' : ''
    }
    this.element.setAttribute('aria-label', `${inUse} of ${total} blocks in use, ${this.#most} at the most`)
  }
}
