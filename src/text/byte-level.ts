import { SequencePreTokenizer } from '@huggingface/tokenizers'
import { mergedEnds } from './merge'
import { preTokenizer } from './pre-tokenizers'
import { TokenType, type Vocabulary } from './vocabulary'

/** Ids of a stretch of text that holds no special token. */
export type StretchEncoder = (text: string) => number[]

const BYTES = { type: 'ByteLevel', add_prefix_space: false, use_regex: false } as const

/** Words whose ids are remembered, and how long such a word may be, in bytes. */
const REMEMBERED = { words: 20_000, length: 64 }

/**
 * Byte-level BPE: GPT-2's scheme. The library cuts the text into words as the family named in the file does; the merges
 * are made here, since the library took more than twice as long to take in a vocabulary of 150,000 tokens.
 */
export function byteLevelEncoder(vocabulary: Vocabulary): StretchEncoder {
  const { nfc, steps, ignoreMerges } = preTokenizer(vocabulary.pre)
  const words = new SequencePreTokenizer({ type: 'Sequence', pretokenizers: [...steps, BYTES] })
  const idOf = new Map<string, number>()
  vocabulary.tokens.forEach((text, id) => {
    const type = vocabulary.types[id]
    if (type === TokenType.normal || type === TokenType.userDefined || type === TokenType.byte)
      idOf.set(text, id)
  })
  /** By "left right". */
  const rankOf = new Map<string, number>()
  vocabulary.merges.forEach((merge, rank) => {
    rankOf.set(merge, rank)
  })

  const lacking = [...BYTE_OF.keys()]
    .map((code) => String.fromCharCode(code))
    .filter((byte) => !idOf.has(byte))

  const encodeWord = (given: string): readonly number[] => {
    // A byte that the vocabulary lacks is left out before anything merges, as in Rust.
    const word = lacking.reduce((rest, byte) => rest.replaceAll(byte, ''), given)
    const whole = ignoreMerges ? idOf.get(word) : undefined
    if (whole !== undefined) return [whole]
    const ends = mergedEnds(word, (start, middle, end) => {
      const rank = rankOf.get(`${word.slice(start, middle)} ${word.slice(middle, end)}`)
      return rank !== undefined && idOf.has(word.slice(start, end)) ? rank : undefined
    })
    return ends.map((end, i) => idOf.get(word.slice(ends[i - 1] ?? 0, end))!)
  }
  const remembered = new Map<string, readonly number[]>()
  const idsOfWord = (word: string): readonly number[] => {
    let ids = remembered.get(word)
    if (ids !== undefined) return ids
    ids = encodeWord(word)
    if (word.length > REMEMBERED.length) return ids
    if (remembered.size >= REMEMBERED.words) remembered.clear()
    remembered.set(word, ids)
    return ids
  }
  return (text) => words.pre_tokenize(nfc ? text.normalize('NFC') : text).flatMap(idsOfWord)
}

/** The byte that a character of a byte-level token stands for, by code point: GPT-2's table. */
const BYTE_OF: ReadonlyMap<number, number> = new Map(
  Array.from({ length: 256 }, (_, byte) => byte).reduce<[number, number][]>((table, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
    const moved = table.filter(([code]) => code >= 256).length
    table.push([printable ? byte : 256 + moved, byte])
    return table
  }, []),
)

/** The bytes of a byte-level token; one with characters outside the table stands for its own text. */
export function byteLevelBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length)
  for (let i = 0; i < token.length; i++) {
    const byte = BYTE_OF.get(token.charCodeAt(i))
    if (byte === undefined) return new TextEncoder().encode(token)
    bytes[i] = byte
  }
  return bytes
}
