import { fallbackIds } from './byte-table'
import { mergedEnds } from './merge'

/** Ids of a word, as the pre-tokenizer cut it. */
export type WordEncoder = (word: string) => readonly number[]

/** Words whose ids are remembered, and how long such a word may be, in UTF-16 units. */
const REMEMBERED = { words: 20_000, length: 64 }

/** What a text becomes for which the vocabulary has no token. */
export interface Unknown {
  /** Null: it is left out. */
  readonly id: number | null
  /** Several in a row become one. */
  readonly fuses: boolean
  /** By byte: the ids of byte tokens, which spell it where all are there. */
  readonly byteIds: readonly (number | undefined)[]
}

export interface BpeModel {
  /** Tokens that a text may become; special ones are not among them. */
  readonly idOf: ReadonlyMap<string, number>
  /** By left + `separator` + right: the least merges first. */
  readonly rankOf: ReadonlyMap<string, number>
  readonly separator: string
  /** A word that is a token as a whole is taken as that token. */
  readonly ignoreMerges: boolean
  readonly unknown: Unknown
}

/** Byte-pair encoding by a list of merges. The merges are made here, not by the library, which took more than twice as long. */
export function bpeEncoder({ idOf, rankOf, separator, ignoreMerges, unknown }: BpeModel): WordEncoder {
  const leavesOut = unknown.id === null && unknown.byteIds.length === 0
  return remembering((given) => {
    const whole = ignoreMerges ? idOf.get(given) : undefined
    if (whole !== undefined) return [whole]
    // What becomes nothing is left out before anything merges, as in Rust.
    const word = leavesOut ? Array.from(given, (char) => (idOf.has(char) ? char : '')).join('') : given
    const ends = mergedEnds(word, (start, middle, end) => {
      const rank = rankOf.get(word.slice(start, middle) + separator + word.slice(middle, end))
      return rank !== undefined && idOf.has(word.slice(start, end)) ? rank : undefined
    })
    return idsOfPieces(word, ends, idOf, unknown)
  })
}

/** The ids of a text's pieces, which end at `ends`. */
export function idsOfPieces(
  text: string,
  ends: readonly number[],
  idOf: ReadonlyMap<string, number>,
  unknown: Unknown,
): number[] {
  const ids: number[] = []
  let start = 0
  let afterUnknown = false
  for (const end of ends) {
    const piece = text.slice(start, end)
    start = end
    const id = idOf.get(piece)
    const spelled = id === undefined ? fallbackIds(piece, unknown.byteIds) : [id]
    if (spelled) for (const each of spelled) ids.push(each)
    else if (unknown.id !== null && !(unknown.fuses && afterUnknown)) ids.push(unknown.id)
    afterUnknown = spelled === null
  }
  return ids
}

/** Remembers the ids of short words: a text says the same ones over and over. */
export function remembering(encode: WordEncoder): WordEncoder {
  const remembered = new Map<string, readonly number[]>()
  return (word) => {
    let ids = remembered.get(word)
    if (ids !== undefined) return ids
    ids = encode(word)
    if (word.length > REMEMBERED.length) return ids
    if (remembered.size >= REMEMBERED.words) remembered.clear()
    remembered.set(word, ids)
    return ids
  }
}
