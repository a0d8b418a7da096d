import { splitBlocks } from './blocks'
import { morph } from './morph'
import { closeProvisionally } from './provisional'
import { renderMarkdown } from './render'

/** Shows Markdown that may still grow. Only its last block is rendered again; what came before stays as it is. */
export class MarkdownView {
  readonly element = document.createElement('div')
  #source = ''
  /** Characters of the source whose blocks can no longer change. */
  #settled = 0
  #open: HTMLElement | null = null

  constructor() {
    this.element.className = 'markdown'
  }

  /** @param whole nothing will follow. */
  show(source: string, whole: boolean): void {
    const text = source.replaceAll('\r\n', '\n')
    if (!text.startsWith(this.#source)) this.#clear()
    this.#source = text
    const { settled, open } = splitBlocks(text.slice(this.#settled))
    for (const block of settled) {
      this.#render(block)
      this.#open = null
      this.#settled += block.length
    }
    this.#render(whole ? open : closeProvisionally(open))
  }

  #render(source: string): void {
    if (!this.#open) {
      if (source.trim() === '') return
      this.#open = document.createElement('div')
      this.element.append(this.#open)
    }
    morph(this.#open, renderMarkdown(source))
  }

  #clear(): void {
    this.element.replaceChildren()
    this.#settled = 0
    this.#open = null
  }
}
