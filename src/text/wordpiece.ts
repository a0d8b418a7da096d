import { remembering, type WordEncoder } from './bpe'

export interface WordPieceModel {
  readonly idOf: ReadonlyMap<string, number>
  readonly unknownId: number
  /** What a piece begins with that does not begin a word. */
  readonly prefix: string
  /** A longer word is unknown; in characters. */
  readonly maxCharacters: number
}

/** WordPiece (Schuster & Nakajima 2012): the longest piece first, again and again; a word that does not work out is unknown. */
export function wordPieceEncoder({ idOf, unknownId, prefix, maxCharacters }: WordPieceModel): WordEncoder {
  const longest = [...idOf.keys()].reduce((length, piece) => Math.max(length, piece.length), 0)
  return remembering((word) => {
    if (word.length > 2 * maxCharacters) return [unknownId]
    const characters = Array.from(word)
    if (characters.length > maxCharacters) return [unknownId]
    const ids: number[] = []
    for (let start = 0; start < characters.length; ) {
      let end = Math.min(characters.length, start + longest)
      let id: number | undefined
      for (; end > start && id === undefined; end--) {
        const piece = characters.slice(start, end).join('')
        id = idOf.get(start > 0 ? prefix + piece : piece)
      }
      if (id === undefined) return [unknownId]
      ids.push(id)
      start = end + 1
    }
    return ids
  })
}
