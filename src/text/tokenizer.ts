import type { Metadata } from '../util/metadata'
import { AddedTokens } from './added-tokens'
import { byteLevelBytes, byteLevelEncoder } from './byte-level'
import { createDetokenizer, type TokenSource } from './detokenizer'
import { byteOfPiece, pieceText, sentencePieceEncoder } from './sentencepiece'
import type { Tokenizer } from './types'
import { readVocabulary, TokenType, type Vocabulary } from './vocabulary'

/**
 * The tokenizer that a GGUF file describes in its metadata.
 *
 * `vocabRows`: rows of the token embedding, to check the token list against. Throws OctavoError `malformed-file` or
 * `unsupported-tokenizer`.
 *
 * @example
 * const tokenizer = createTokenizer(header.metadata)
 * const ids = tokenizer.encode('Hello', { special: false, addBos: true })
 */
export function createTokenizer(metadata: Metadata, vocabRows: number | null = null): Tokenizer {
  const vocabulary = readVocabulary(metadata, vocabRows)
  const { tokens, types, bosId, eosIds, addsBos } = vocabulary
  const added = new AddedTokens(vocabulary)
  const encodeStretch =
    vocabulary.model === 'gpt2' ? byteLevelEncoder(vocabulary) : sentencePieceEncoder(vocabulary)
  const source: TokenSource = {
    tokenBytes: (id) => bytesOf(vocabulary, id),
    isSpecial: (id) => types[id] === TokenType.control || types[id] === TokenType.unknown,
    isByte: (id) => types[id] === TokenType.byte,
  }
  return {
    size: tokens.length,
    eosIds,
    bosId,
    addsBos,
    specialTokens: added.specials(),
    encode(text, { special, addBos, plain }) {
      const ids: number[] = addBos && addsBos ? [bosId!] : []
      for (const stretch of added.split(wellFormed(text), special ? (plain ?? []) : null)) {
        if (typeof stretch === 'number') ids.push(stretch)
        else for (const id of encodeStretch(stretch)) ids.push(id)
      }
      return ids
    },
    tokenBytes: source.tokenBytes,
    isSpecial: source.isSpecial,
    detokenizer: ({ skipSpecialTokens }) =>
      createDetokenizer(source, { skipSpecialTokens, dropsFirstSpace: vocabulary.addsSpacePrefix }),
  }
}

function bytesOf({ model, tokens, types }: Vocabulary, id: number): Uint8Array {
  const token = tokens[id]
  if (token === undefined) return new Uint8Array()
  if (types[id] === TokenType.byte) return Uint8Array.of(byteOfPiece(token))
  if (model === 'llama') return new TextEncoder().encode(pieceText(token))
  return types[id] === TokenType.normal ? byteLevelBytes(token) : new TextEncoder().encode(token)
}

/** Lone surrogates as U+FFFD: UTF-8 has no other way to write them. */
function wellFormed(text: string): string {
  return text.replace(/\p{Cs}/gu, '\ufffd')
}
