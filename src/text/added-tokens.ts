import type { TextSpan } from './types'
import { TokenType, type Vocabulary } from './vocabulary'

/** A token that is looked for in the text before anything else. */
interface AddedToken {
  readonly id: number
  readonly text: string
  readonly special: boolean
  /** It swallows the white space behind it. */
  readonly eatsSpace: boolean
}

/** Phi-3's tokens that leave the white space behind them alone. */
const LEAVE_SPACE = ['<unk>', '<s>', '<|endoftext|>']

/** A text's stretches in order: ordinary text, or the id of an added token. */
export type Stretch = string | number

/** Cuts a text at its added tokens: the leftmost first, of those the longest. */
export class AddedTokens {
  /** By first UTF-16 unit: the lengths to try, longest first. */
  readonly #lengths = new Map<number, number[]>()
  readonly #tokens = new Map<string, AddedToken>()

  constructor(vocabulary: Vocabulary) {
    vocabulary.tokens.forEach((text, id) => {
      const type = vocabulary.types[id]
      const special = type === TokenType.control || type === TokenType.unknown
      if (text === '' || !(special || type === TokenType.userDefined)) return
      this.#tokens.set(text, {
        id,
        text,
        special,
        eatsSpace: vocabulary.addedEatSpace && !LEAVE_SPACE.includes(text),
      })
      const first = text.charCodeAt(0)
      const lengths = this.#lengths.get(first) ?? []
      if (!lengths.includes(text.length)) lengths.push(text.length)
      this.#lengths.set(first, lengths)
    })
    for (const lengths of this.#lengths.values()) lengths.sort((a, b) => b - a)
  }

  /** The special ones: text and id. */
  specials(): ReadonlyMap<string, number> {
    const specials = [...this.#tokens.values()].filter((token) => token.special)
    return new Map(specials.map((token) => [token.text, token.id]))
  }

  /** `plain`: spans that no special token may touch, in order; null where special tokens are not to be read at all. */
  split(text: string, plain: readonly TextSpan[] | null): Stretch[] {
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
      if (start < at) stretches.push(text.slice(start, at))
      stretches.push(token.id)
      at += token.text.length
      if (token.eatsSpace) while (/\s/.test(text.charAt(at))) at++
      start = at
    }
    if (start < text.length) stretches.push(text.slice(start))
    return stretches
  }

  /** The longest token that starts here; a special one only if it ends before `plainFrom`. */
  #at(text: string, at: number, plainFrom: number): AddedToken | null {
    for (const length of this.#lengths.get(text.charCodeAt(at)) ?? []) {
      const token = this.#tokens.get(text.slice(at, at + length))
      if (token && (!token.special || at + length <= plainFrom)) return token
    }
    return null
  }
}
