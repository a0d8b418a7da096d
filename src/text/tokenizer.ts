import type { Metadata } from '../util/metadata'
import { noTokenizer } from './tokenizer-errors'
import { partsOfMetadata } from './tokenizer-gguf'
import { partsOfTokenizerJson, type TokenizerFiles } from './tokenizer-json'
import { assemble } from './tokenizer-parts'
import type { Tokenizer } from './types'

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
  return assemble(partsOfMetadata(metadata, vocabRows))
}

/** The tokenizer of a repo's `tokenizer.json`. Throws OctavoError `malformed-file` or `unsupported-tokenizer`. */
export function createTokenizerFromJson(files: TokenizerFiles): Tokenizer {
  if (files.tokenizer === null || files.tokenizer === undefined) {
    throw noTokenizer('its repo has no tokenizer.json')
  }
  return assemble(partsOfTokenizerJson(files))
}
