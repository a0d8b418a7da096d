import type { TextSpan } from './types'

/** A token that is looked for in the text before anything else. */
export interface AddedToken {
  readonly id: number
  readonly text: string
  /** Text that is to stay text never becomes it. */
  readonly guarded: boolean
  /** It swallows the white space before or behind it. */
  readonly stripsLeft: boolean
  readonly stripsRight: boolean
  /** It is none where a letter or a digit touches it. */
  readonly singleWord: boolean
}

/** A text's stretches in order: ordinary text, or the id of an added token. */
export type Stretch = string | number

const WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}]/u
const SPACE = /\p{White_Space}/u

/** Cuts a text at its added tokens: the leftmost first, of those the longest. */
export class AddedTokens {
  /** By first UTF-16 unit: the lengths to try, longest first. */
  readonly #lengths = new Map<number, number[]>()
  readonly #tokens = new Map<string, AddedToken>()

  constructor(tokens: Iterable<AddedToken>) {
    for (const token of tokens) {
      if (token.text === '') continue
      this.#tokens.set(token.text, token)
      const first = token.text.charCodeAt(0)
      const lengths = this.#lengths.get(first) ?? []
      if (!lengths.includes(token.text.length)) lengths.push(token.text.length)
      this.#lengths.set(first, lengths)
    }
    for (const lengths of this.#lengths.values()) lengths.sort((a, b) => b - a)
  }

  /** `plain`: spans that no guarded token may touch, in order; null where none of these are to be read at all. */
  split(text: string, plain: readonly TextSpan[] | null): Stretch[] {
    if (this.#tokens.size === 0) return text === '' ? [] : [text]
    const stretches: Stretch[] = []
    let start = 0
    let span = 0
    for (let at = 0; at < text.length; ) {
      while (plain !== null && span < plain.length && plain[span]![1] <= at) span++
      const plainFrom = plain === null ? at : (plain[span]?.[0] ?? text.length)
      const token = this.#at(text, at, plainFrom)
      if (token === null) {
        at++
        continue
      }
      const end = at + token.text.length
      if (token.singleWord && (isWord(text, at - 1) || isWord(text, end))) {
        at = end
        continue
      }
      let from = at
      if (token.stripsLeft) while (from > start && SPACE.test(text.charAt(from - 1))) from--
      if (start < from) stretches.push(text.slice(start, from))
      stretches.push(token.id)
      at = end
      if (token.stripsRight) while (SPACE.test(text.charAt(at))) at++
      start = at
    }
    if (start < text.length) stretches.push(text.slice(start))
    return stretches
  }

  /** The longest token that starts here; a guarded one only if it ends before `plainFrom`. */
  #at(text: string, at: number, plainFrom: number): AddedToken | null {
    for (const length of this.#lengths.get(text.charCodeAt(at)) ?? []) {
      const token = this.#tokens.get(text.slice(at, at + length))
      if (token && (!token.guarded || at + length <= plainFrom)) return token
    }
    return null
  }
}

function isWord(text: string, at: number): boolean {
  return at >= 0 && WORD.test(text.charAt(at))
}
