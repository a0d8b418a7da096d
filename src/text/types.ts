import type { Frames } from './frame'

/** Turns a sequence's ids into text as they come. Never gives half a character. */
export interface Detokenizer {
  /** The text that became certain with this id; may be empty. */
  push(id: number): string
  /** What is left at the end: an unfinished character comes out as U+FFFD. */
  finish(): string
}

/** A half-open range [start, end) of a text, in UTF-16 units. */
export type TextSpan = readonly [start: number, end: number]

export interface EncodeOptions {
  /** Read special-token text as the special token; else it is ordinary text. */
  readonly special: boolean
  /** Put `before` in front: BOS where the model's file asks for it. */
  readonly addBos: boolean
  /** Put `after` behind: what ends a whole text (EOS, [SEP]), for models that read texts and write none. */
  readonly addEos?: boolean
  /** With `special`: special-token text that touches one of these spans stays text. In order, not overlapping. */
  readonly plain?: readonly TextSpan[]
}

export interface Tokenizer {
  readonly size: number
  /** Every id that ends a turn or a text: `eos_token_id`, `eot_token_id` and tokens named as such (`<|im_end|>`, …). */
  readonly eosIds: readonly number[]
  readonly bosId: number | null
  /** Whether the model's file asks for BOS in front of a text. */
  readonly addsBos: boolean
  /** The ids that the model's file puts around a whole text: BOS, or [CLS] and [SEP]; often none. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** The same, and what it puts around a pair of texts. */
  readonly frames: Frames
  /** The tokens that text of messages can never become: their text and their id. */
  readonly specialTokens: ReadonlyMap<string, number>
  /** Ids of a text. Lone surrogates are read as U+FFFD. */
  encode(text: string, options: EncodeOptions): number[]
  /** The bytes that the id stands for, as UTF-8 (special tokens: their text). */
  tokenBytes(id: number): Uint8Array
  isSpecial(id: number): boolean
  /** `continues`: its text goes on from another one, so that its first space is one. */
  detokenizer(options: { skipSpecialTokens: boolean; continues?: boolean }): Detokenizer
}
