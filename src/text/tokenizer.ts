import { LazyPart } from '../util/lazy-part'
import type { Metadata } from '../util/metadata'
import { malformed, noTokenizer } from './tokenizer-errors'
import { partsOfMetadata } from './tokenizer-gguf'
import type { TokenizerFiles } from './tokenizer-json'
import { assemble } from './tokenizer-parts'
import type { Tokenizer } from './types'

/** What of a model's header says how text becomes ids: GGUF metadata, or the small files of a repo. */
type TokenizerHeader =
  | { readonly kind?: 'gguf'; readonly metadata: Metadata }
  | { readonly kind: 'safetensors'; readonly texts: TokenizerFiles }

const tokenizerJson = new LazyPart('tokenizers of repos', () => import('./tokenizer-json'))

/**
 * Fetches what `createTokenizer` needs for this header.
 *
 * @throws OctavoError 'network'
 */
export async function fetchTokenizer({ kind }: Pick<TokenizerHeader, 'kind'>): Promise<void> {
  if (kind === 'safetensors') await tokenizerJson.fetch()
}

/**
 * The tokenizer of a GGUF file or of a repo, after `fetchTokenizer`.
 *
 * `vocabRows`: rows of the token embedding, where they are known: a GGUF file's token list must have as many, the ids of
 * a tokenizer.json must be below. Throws OctavoError `malformed-file` or `unsupported-tokenizer`.
 *
 * @example
 * await fetchTokenizer(header)
 * const tokenizer = createTokenizer(header)
 * const ids = tokenizer.encode('Hello', { special: false, addBos: true })
 */
export function createTokenizer(header: TokenizerHeader, vocabRows: number | null = null): Tokenizer {
  if (header.kind !== 'safetensors') return assemble(partsOfMetadata(header.metadata, vocabRows))
  if (header.texts.tokenizer === null) throw noTokenizer('its repo has no tokenizer.json')
  const parts = tokenizerJson.fetched.partsOfTokenizerJson(header.texts)
  const beyond = vocabRows === null ? undefined : parts.tokens.findLast((_, id) => id >= vocabRows)
  if (beyond !== undefined) {
    throw malformed(
      `tokenizer.json has ${parts.tokens.length} ids up to '${beyond.slice(0, 40)}', the token embedding has ${vocabRows} rows`,
    )
  }
  return assemble(parts)
}
