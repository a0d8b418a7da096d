import type { Detokenizer } from './types'

/** What a detokenizer has to know of its tokenizer. */
export interface TokenSource {
  /** `first`: nothing comes before it. */
  bytesOf(id: number, first: boolean): Uint8Array
  isSpecial(id: number): boolean
  /** Byte tokens stand between tokens that are whole characters (SentencePiece). */
  isByte(id: number): boolean
}

export interface DetokenizerOptions {
  readonly skipSpecialTokens: boolean
  /** The text goes on from another one: nothing is at its start. */
  readonly continues: boolean
  /** What is dropped at the very start, as the space that the tokenizer put there, and how many times at most. */
  readonly dropsAtStart: { readonly text: string; readonly times: number }
}

/**
 * Turns ids into text as they come, a whole character at a time.
 *
 * Bytes that are no UTF-8 become U+FFFD: one for each maximal broken stretch, as in the Encoding standard and Rust; one
 * for each byte where they were byte tokens, as in Hugging Face's ByteFallback. (That one also gives up good characters
 * before a broken one in the same run of byte tokens; here they have long been sent and stay.)
 */
export function createDetokenizer(tokens: TokenSource, options: DetokenizerOptions): Detokenizer {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const fallback = new FallbackBytes()
  const { text: dropped, times } = options.dropsAtStart
  let drops = options.continues ? 0 : times
  let first = !options.continues
  const emit = (text: string): string => {
    let rest = text
    for (; drops > 0 && rest.startsWith(dropped); drops--) rest = rest.slice(dropped.length)
    if (rest !== '') drops = 0
    return rest
  }
  return {
    push(id) {
      if (options.skipSpecialTokens && tokens.isSpecial(id)) return ''
      const bytes = tokens.bytesOf(id, first)
      first = false
      if (tokens.isByte(id)) return emit(fallback.push(bytes[0]!))
      return emit(fallback.flush() + decoder.decode(bytes, { stream: true }))
    },
    finish() {
      return emit(fallback.flush() + decoder.decode())
    },
  }
}

/** Characters spelled in byte tokens. */
class FallbackBytes {
  #pending: number[] = []
  readonly #strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })

  push(byte: number): string {
    this.#pending.push(byte)
    let text = ''
    while (this.#pending.length > 0) {
      const character = this.#character()
      if (character === null) break
      text += character
    }
    return text
  }

  flush(): string {
    const text = '\ufffd'.repeat(this.#pending.length)
    this.#pending = []
    return text
  }

  /** Takes the character in front, or U+FFFD for a byte that starts none; null while it may still become one. */
  #character(): string | null {
    const bytes = Uint8Array.from(this.#pending)
    try {
      const text = this.#strict.decode(bytes)
      this.#pending = []
      return text
    } catch {
      if (new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true }) === '') return null
      this.#pending.shift()
      return '\ufffd'
    }
  }
}
