import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import { preTokenizer } from './pre-tokenizers'
import { TokenType, type Vocabulary } from './vocabulary'

/** Ids of a stretch of text that holds no special token. */
export type StretchEncoder = (text: string) => number[]

/** Byte-level BPE: GPT-2's scheme, on the library, with the pre-tokenizer that the file names. */
export function byteLevelEncoder(vocabulary: Vocabulary): StretchEncoder {
  const { nfc, steps, ignoreMerges } = preTokenizer(vocabulary.pre)
  // Without a prototype, so that a token may be called "__proto__".
  const vocab: Record<string, number> = Object.create(null)
  vocabulary.tokens.forEach((text, id) => {
    const type = vocabulary.types[id]
    if (type === TokenType.normal || type === TokenType.userDefined || type === TokenType.byte)
      vocab[text] = id
  })
  const library = new LibraryTokenizer(
    {
      model: { type: 'BPE', vocab, merges: vocabulary.merges, ignore_merges: ignoreMerges },
      normalizer: nfc ? { type: 'NFC' } : null,
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [...steps, { type: 'ByteLevel', add_prefix_space: false, use_regex: false }],
      },
      post_processor: null,
      decoder: null,
      added_tokens: [],
    },
    {},
  )
  return (text) => library.encode(text, { add_special_tokens: false }).ids
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
