import { OctavoError } from '../util/octavo-error'
import type { FramePart } from './frame'
import type { Tokenizer } from './types'

/** A whole text, or a pair of them, as a model that reads texts takes it. */
export interface FramedText {
  readonly ids: readonly number[]
  /** BERT's token type of each id. */
  readonly types: readonly number[]
  /** Tokens before anything was cut off. */
  readonly wholeTokens: number
}

/**
 * Frames a text or a pair as the model's file says, special-token text being read as the special token. What is longer
 * than `maxTokens` loses its end; of a pair the longer text does, and where both are longer than half, both
 * (`longest_first` of Hugging Face's tokenizers).
 *
 * @throws OctavoError 'unsupported-tokenizer' for a pair where the file does not say how to frame one
 */
export function frameText(
  tokenizer: Pick<Tokenizer, 'encode' | 'frames'>,
  texts: readonly [string] | readonly [string, string],
  maxTokens: number,
): FramedText {
  const frame = texts.length === 1 ? tokenizer.frames.single : tokenizer.frames.pair
  if (frame === null) throw noPairs()
  const encoded = texts.map((text) => tokenizer.encode(text, { special: true, addBos: false }))
  const frameTokens = frame.reduce((sum, part) => sum + ('ids' in part ? part.ids.length : 0), 0)
  const lengths = encoded.map((ids) => ids.length)
  const kept = fitting(lengths, Math.max(0, maxTokens - frameTokens))
  const ids: number[] = []
  const types: number[] = []
  for (const part of frame) {
    const own = partIds(part, encoded, kept)
    for (const id of own) ids.push(id)
    for (let i = 0; i < own.length; i++) types.push(part.type)
  }
  return { ids, types, wholeTokens: frameTokens + lengths.reduce((sum, length) => sum + length, 0) }
}

function partIds(
  part: FramePart,
  encoded: readonly (readonly number[])[],
  kept: readonly number[],
): readonly number[] {
  return 'ids' in part ? part.ids : encoded[part.text]!.slice(0, kept[part.text])
}

/** How many tokens of each text fit into `room`. */
function fitting(lengths: readonly number[], room: number): readonly number[] {
  const [first = 0, second] = lengths
  if (second === undefined) return [Math.min(first, room)]
  if (first + second <= room) return [first, second]
  const shorter = Math.min(first, second)
  const half = Math.floor(room / 2)
  const [less, more] = shorter <= half ? [shorter, room - shorter] : [half, room - half]
  return first <= second ? [less, more] : [more, less]
}

function noPairs(): OctavoError {
  return new OctavoError(
    'unsupported-tokenizer',
    'This model’s tokenizer does not say how two texts go together.',
    'Choose a model that was made for pairs of texts, such as a reranker.',
  )
}
