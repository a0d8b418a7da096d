import { idsOfPieces, remembering, type Unknown, type WordEncoder } from './bpe'

/** How much worse than the worst piece a character is that has none. */
const UNKNOWN_PENALTY = 10

/**
 * Unigram (Kudo 2018): of all ways to write a word in pieces, the one with the greatest sum of scores; of equal ones that
 * with the longer last piece. Characters that are no piece and stand in a row are unknown together.
 */
export function unigramEncoder(
  idOf: ReadonlyMap<string, number>,
  /** By id: log-probabilities. */
  scores: ArrayLike<number>,
  worstScore: number,
  unknown: Unknown,
): WordEncoder {
  /** By first UTF-16 unit: the length of the longest piece. */
  const longest = new Map<number, number>()
  for (const piece of idOf.keys()) {
    const first = piece.charCodeAt(0)
    if (piece.length > (longest.get(first) ?? 0)) longest.set(first, piece.length)
  }
  const unknownScore = worstScore - UNKNOWN_PENALTY
  return remembering((word) => {
    /** By place: the best score up to there, and where its last piece begins; −1 where nothing ends. */
    const best = new Float64Array(word.length + 1)
    const starts = new Int32Array(word.length + 1).fill(-1)
    const isUnknown = new Uint8Array(word.length + 1)
    const offer = (start: number, end: number, score: number, unknownPiece: number) => {
      if (starts[end]! >= 0 && score <= best[end]!) return
      best[end] = score
      starts[end] = start
      isUnknown[end] = unknownPiece
    }
    for (let start = 0; start < word.length; ) {
      const width = word.codePointAt(start)! > 0xffff ? 2 : 1
      const limit = Math.min(word.length, start + (longest.get(word.charCodeAt(start)) ?? 0))
      let hasCharacter = false
      for (let end = start + 1; end <= limit; end++) {
        const id = idOf.get(word.slice(start, end))
        if (id === undefined) continue
        if (end === start + width) hasCharacter = true
        offer(start, end, best[start]! + scores[id]!, 0)
      }
      if (!hasCharacter) offer(start, start + width, best[start]! + unknownScore, 1)
      start += width
    }
    const ends: number[] = []
    for (let end = word.length; end > 0; end = starts[end]!) {
      if (!(isUnknown[end] && isUnknown[ends.at(-1) ?? 0] && ends.length > 0)) ends.push(end)
    }
    return idsOfPieces(word, ends.reverse(), idOf, unknown)
  })
}
