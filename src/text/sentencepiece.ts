import { idsOfPieces, type Unknown, type WordEncoder } from './bpe'
import { mergedEnds } from './merge'

/**
 * SentencePiece's BPE (Kudo & Richardson 2018), from scores instead of merges: of all neighbours that make a piece of the
 * vocabulary, those with the best score merge first, the leftmost among equals.
 */
export function sentencePieceEncoder(
  idOf: ReadonlyMap<string, number>,
  /** By id. */
  scores: ArrayLike<number>,
  unknown: Unknown,
): WordEncoder {
  return (text) => {
    const ends = mergedEnds(text, (from, _middle, to) => {
      const id = idOf.get(text.slice(from, to))
      return id === undefined ? undefined : -scores[id]!
    })
    return idsOfPieces(text, ends, idOf, unknown)
  }
}
