import type { StretchEncoder } from './byte-level'
import { mergedEnds } from './merge'
import { TokenType, type Vocabulary } from './vocabulary'

const SPACE = '▁'

/**
 * SentencePiece's BPE (Kudo & Richardson 2018): of all neighbours that make a piece of the vocabulary, those with the
 * best score merge first, the leftmost among equals. What is no piece in the end is spelled in byte tokens.
 */
export function sentencePieceEncoder(vocabulary: Vocabulary): StretchEncoder {
  const { scores, unknownId } = vocabulary
  const pieces = new Map<string, number>()
  const byteIds: (number | undefined)[] = []
  vocabulary.tokens.forEach((text, id) => {
    const type = vocabulary.types[id]
    if (type === TokenType.normal || type === TokenType.userDefined) pieces.set(text, id)
    else if (type === TokenType.byte) byteIds[byteOfPiece(text)] = id
  })
  return (text) => {
    if (text === '') return []
    const spelled = (vocabulary.addsSpacePrefix ? SPACE : '') + text.replaceAll(' ', SPACE)
    const ids: number[] = []
    let start = 0
    const ends = mergedEnds(spelled, (from, _middle, to) => {
      const id = pieces.get(spelled.slice(from, to))
      return id === undefined ? undefined : -scores[id]!
    })
    for (const end of ends) {
      const piece = spelled.slice(start, end)
      const id = pieces.get(piece)
      if (id !== undefined) ids.push(id)
      else pushBytes(ids, piece, byteIds, unknownId)
      start = end
    }
    return ids
  }
}

function pushBytes(
  ids: number[],
  piece: string,
  byteIds: readonly (number | undefined)[],
  unknownId: number | null,
): void {
  const spelled = Array.from(new TextEncoder().encode(piece), (byte) => byteIds[byte])
  if (spelled.every((id) => id !== undefined)) ids.push(...spelled)
  else if (unknownId !== null && ids.at(-1) !== unknownId) ids.push(unknownId)
}

/** The byte of a byte token such as `<0x0A>`; NaN for another text. */
export function byteOfPiece(piece: string): number {
  return /^<0x[0-9A-Fa-f]{2}>$/.test(piece) ? Number.parseInt(piece.slice(3, 5), 16) : Number.NaN
}

/** A piece as text: U+2581 is a space. */
export function pieceText(piece: string): string {
  return piece.replaceAll(SPACE, ' ')
}
