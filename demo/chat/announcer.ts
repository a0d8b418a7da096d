import { element } from '../element'
import { finishedSentences } from './sentences'

/** Lines that the live region holds; a screen reader has been given the older ones. */
const mostLines = 8

/** Tells screen readers what happens, and the answer sentence by sentence. */
export class Announcer {
  readonly #region: HTMLElement
  #turn = ''
  #said = 0

  /** @param region an element with aria-live. */
  constructor(region: HTMLElement) {
    this.#region = region
  }

  say(sentence: string): void {
    this.#region.append(element('p', {}, sentence))
    while (this.#region.childElementCount > mostLines) this.#region.firstElementChild!.remove()
  }

  /** What is new and finished of an answer that grows. */
  sayAnswer(id: string, markdown: string, whole: boolean): void {
    if (id !== this.#turn) {
      this.#turn = id
      this.#said = 0
    }
    const { sentences, end } = finishedSentences(markdown, this.#said, whole)
    this.#said = end
    if (sentences.length > 0) this.say(sentences.join(' '))
  }
}
