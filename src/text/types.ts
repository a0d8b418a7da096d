/** Turns a sequence's ids into text as they come. Never gives half a character. */
export interface Detokenizer {
  /** The text that became certain with this id; may be empty. */
  push(id: number): string
  /** What is left at the end: an unfinished character comes out as U+FFFD. */
  finish(): string
}

export interface Tokenizer {
  readonly size: number
  /** Every id that ends a turn or a text: `eos_token_id`, `eot_token_id` and tokens named as such (`<|im_end|>`, …). */
  readonly eosIds: readonly number[]
  readonly bosId: number | null
  /**
   * Ids of a text. `special: true` reads special-token text as the special token; `addBos` puts BOS in front where
   * the model's file asks for it.
   */
  encode(text: string, options: { special: boolean; addBos: boolean }): number[]
  /** The bytes that the id stands for, as UTF-8 (special tokens: their text). */
  tokenBytes(id: number): Uint8Array
  isSpecial(id: number): boolean
  detokenizer(options: { skipSpecialTokens: boolean }): Detokenizer
}
