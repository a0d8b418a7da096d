import { type AddedToken, AddedTokens } from './added-tokens'
import type { WordEncoder } from './bpe'
import { byteOfPiece } from './byte-table'
import type { Decoder } from './decoders'
import { createDetokenizer, type TokenSource } from './detokenizer'
import { type Frames, surround } from './frame'
import type { Normalizer } from './normalizers'
import type { PreTokenizer } from './pre-tokenizer-steps'
import type { Tokenizer } from './types'

/** A tokenizer taken apart, as tokenizer.json does it; a GGUF file's metadata are brought into the same form. */
export interface TokenizerParts {
  /** By id; undefined where a file leaves ids out. */
  readonly tokens: readonly (string | undefined)[]
  /** They are left out of an answer's text. */
  isSpecial(id: number): boolean
  isByte(id: number): boolean
  /** Looked for in the text as it is; guarded ones are always here. */
  readonly added: readonly AddedToken[]
  /** Looked for in the normalized text. */
  readonly addedNormalized: readonly AddedToken[]
  readonly normalize: Normalizer
  readonly preTokenize: PreTokenizer
  readonly encodeWord: WordEncoder
  readonly decoder: Decoder
  readonly bosId: number | null
  readonly eosIds: readonly number[]
  readonly frames: Frames
}

/** The tokenizer that these parts make: added tokens, normalizer, pre-tokenizer, model; and the decoder back. */
export function assemble(parts: TokenizerParts): Tokenizer {
  const { tokens, bosId, eosIds, frames, decoder } = parts
  const { before, after } = surround(frames.single)
  const added = new AddedTokens(parts.added)
  const addedNormalized = new AddedTokens(parts.addedNormalized)
  const addedIds = new Set([...parts.added, ...parts.addedNormalized].map((token) => token.id))
  const guarded = parts.added.filter((token) => token.guarded)
  const source: TokenSource = {
    bytesOf(id, first) {
      const token = tokens[id]
      if (token === undefined) return new Uint8Array()
      if (parts.isByte(id)) return Uint8Array.of(byteOfPiece(token))
      return decoder.bytes(token, first, addedIds.has(id))
    },
    isSpecial: parts.isSpecial,
    isByte: parts.isByte,
  }
  const encodeStretch = (ids: number[], text: string, atStart: boolean) => {
    for (const word of parts.preTokenize(text, atStart)) for (const id of parts.encodeWord(word)) ids.push(id)
  }
  return {
    size: tokens.length,
    eosIds,
    bosId,
    addsBos: bosId !== null && before.includes(bosId),
    before,
    after,
    frames,
    specialTokens: new Map(guarded.map((token) => [token.text, token.id])),
    encode(text, { special, addBos, addEos, plain }) {
      const ids: number[] = addBos ? [...before] : []
      const stretches = added.split(wellFormed(text), special ? (plain ?? []) : null)
      stretches.forEach((stretch, i) => {
        if (typeof stretch === 'number') ids.push(stretch)
        else {
          addedNormalized.split(parts.normalize(stretch), null).forEach((part, k) => {
            if (typeof part === 'number') ids.push(part)
            else encodeStretch(ids, part, i === 0 && k === 0)
          })
        }
      })
      if (addEos) ids.push(...after)
      return ids
    },
    tokenBytes: (id) => source.bytesOf(id, false),
    isSpecial: source.isSpecial,
    detokenizer: ({ skipSpecialTokens, continues = false }) =>
      createDetokenizer(source, { skipSpecialTokens, continues, dropsAtStart: decoder.dropsAtStart }),
  }
}

/** Lone surrogates as U+FFFD: UTF-8 has no other way to write them. */
function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd')
}
