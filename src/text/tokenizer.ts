import type { Metadata } from '../util/metadata'
import { noTokenizer } from './tokenizer-errors'
import { partsOfMetadata } from './tokenizer-gguf'
import { partsOfTokenizerJson, type TokenizerFiles } from './tokenizer-json'
import { assemble } from './tokenizer-parts'
import type { Tokenizer } from './types'

/** What of a model's header says how text becomes ids: GGUF metadata, or the small files of a repo. */
type TokenizerHeader =
  | { readonly kind?: 'gguf'; readonly metadata: Metadata }
  | { readonly kind: 'safetensors'; readonly texts: TokenizerFiles }

/**
 * The tokenizer of a GGUF file or of a repo.
 *
 * `vocabRows`: rows of the token embedding, to check a GGUF file's token list against. Throws OctavoError
 * `malformed-file` or `unsupported-tokenizer`.
 *
 * @example
 * const tokenizer = createTokenizer(header)
 * const ids = tokenizer.encode('Hello', { special: false, addBos: true })
 */
export function createTokenizer(header: TokenizerHeader, vocabRows: number | null = null): Tokenizer {
  if (header.kind !== 'safetensors') return assemble(partsOfMetadata(header.metadata, vocabRows))
  if (header.texts.tokenizer === null) throw noTokenizer('its repo has no tokenizer.json')
  return assemble(partsOfTokenizerJson(header.texts))
}
