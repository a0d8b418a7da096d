import type { Metadata } from '../util/metadata'
import type { AddedToken } from './added-tokens'
import { bpeEncoder, type Unknown, type WordEncoder } from './bpe'
import { byteOfPiece } from './byte-table'
import { parseCharsmap } from './charsmap'
import {
  byteLevelDecoder,
  type Decoder,
  metaspaceDecoder,
  sentencePieceDecoder,
  wordPieceDecoder,
} from './decoders'
import { bertFrames, plainFrames, robertaFrames } from './frame'
import { JsonField } from './json-field'
import { bertNormalizer, type Normalizer } from './normalizers'
import { type PreTokenizer, readPreTokenizer } from './pre-tokenizer-steps'
import { preTokenizerFamily } from './pre-tokenizers'
import { sentencePieceEncoder } from './sentencepiece'
import { malformed } from './tokenizer-errors'
import type { TokenizerParts } from './tokenizer-parts'
import { unigramEncoder } from './unigram'
import { readVocabulary, TokenType, type Vocabulary } from './vocabulary'
import { wordPieceEncoder } from './wordpiece'

/** Phi-3's tokens that leave the white space behind them alone. */
const LEAVE_SPACE = ['<unk>', '<s>', '<|endoftext|>']

/**
 * The parts of the tokenizer that a GGUF file describes in its metadata.
 *
 * `vocabRows`: rows of the token embedding, to check the token list against. Throws OctavoError `malformed-file` or
 * `unsupported-tokenizer`.
 */
export function partsOfMetadata(metadata: Metadata, vocabRows: number | null): TokenizerParts {
  const vocabulary = readVocabulary(metadata, vocabRows)
  const { model, types, bosId, eosIds, before, after } = vocabulary
  const tokens = model === 'bert' ? wordPieces(vocabulary) : vocabulary.tokens
  const { normalize, preTokenize, encodeWord, decoder } = makers[model](vocabulary, tokens)
  return {
    tokens,
    isSpecial: (id) => types[id] === TokenType.control || types[id] === TokenType.unknown,
    isByte: (id) => types[id] === TokenType.byte && !Number.isNaN(byteOfPiece(tokens[id]!)),
    added: addedTokens(vocabulary),
    addedNormalized: [],
    normalize,
    preTokenize,
    encodeWord,
    decoder,
    bosId,
    eosIds,
    frames: frames[model](before, after),
  }
}

/** How the models frame pairs that are converted with each kind of tokenizer. */
const frames: Readonly<Record<Vocabulary['model'], typeof bertFrames>> = {
  bert: bertFrames,
  t5: robertaFrames,
  gpt2: robertaFrames,
  llama: plainFrames,
  gemma4: plainFrames,
}

interface Making {
  readonly normalize: Normalizer
  readonly preTokenize: PreTokenizer
  readonly encodeWord: WordEncoder
  readonly decoder: Decoder
}

const makers: Readonly<Record<Vocabulary['model'], (v: Vocabulary, tokens: readonly string[]) => Making>> = {
  gpt2(vocabulary) {
    const { nfc, steps, ignoreMerges } = preTokenizerFamily(vocabulary.pre)
    const unknown = { id: null, fuses: false, byteIds: [] }
    const idOf = idsByText(vocabulary, vocabulary.tokens, [
      TokenType.normal,
      TokenType.userDefined,
      TokenType.byte,
    ])
    return {
      normalize: nfc ? (text) => text.normalize('NFC') : unchanged,
      preTokenize: readPreTokenizer(
        new JsonField({ type: 'Sequence', pretokenizers: steps }, 'pre-tokenizer'),
      ),
      encodeWord: bpeEncoder({ idOf, rankOf: ranks(vocabulary), separator: ' ', ignoreMerges, unknown }),
      decoder: byteLevelDecoder,
    }
  },

  gemma4(vocabulary) {
    const model = { separator: ' ', ignoreMerges: false, unknown: unknownOf(vocabulary) }
    return {
      normalize: (text) => text.replaceAll(' ', '▁'),
      preTokenize: (text) => [text],
      encodeWord: bpeEncoder({
        ...model,
        idOf: idsByText(vocabulary, vocabulary.tokens),
        rankOf: ranks(vocabulary),
      }),
      decoder: sentencePieceDecoder(false),
    }
  },

  llama(vocabulary) {
    const { addsSpacePrefix, scores } = vocabulary
    const prefix = addsSpacePrefix ? '▁' : ''
    const idOf = idsByText(vocabulary, vocabulary.tokens)
    return {
      normalize: (text) => (text === '' ? '' : prefix + text.replaceAll(' ', '▁')),
      preTokenize: (text) => [text],
      encodeWord: sentencePieceEncoder(idOf, scores, unknownOf(vocabulary)),
      decoder: sentencePieceDecoder(addsSpacePrefix),
    }
  },

  t5(vocabulary) {
    const { addsSpacePrefix, removesExtraSpaces, charsmap, scores } = vocabulary
    const metaspace = { type: 'Metaspace', prepend_scheme: addsSpacePrefix ? 'always' : 'never' }
    const pretokenizers = [...(removesExtraSpaces ? [{ type: 'WhitespaceSplit' }] : []), metaspace]
    const idOf = idsByText(vocabulary, vocabulary.tokens)
    let worst = Infinity
    for (let id = 0; id < scores.length; id++) worst = Math.min(worst, scores[id]!)
    return {
      normalize: charsmap ? parseCharsmap(charsmap, 'tokenizer.ggml.precompiled_charsmap') : unchanged,
      preTokenize: readPreTokenizer(new JsonField({ type: 'Sequence', pretokenizers }, 'pre-tokenizer')),
      encodeWord: unigramEncoder(idOf, scores, worst, unknownOf(vocabulary)),
      decoder: metaspaceDecoder('▁', addsSpacePrefix),
    }
  },

  bert(vocabulary, tokens) {
    const { lowercases, stripsAccents, unknownId } = vocabulary
    if (unknownId === null) throw malformed('tokenizer.ggml.unknown_token_id is missing')
    return {
      normalize: bertNormalizer({ cleans: true, spacesChinese: true, stripsAccents, lowercases }),
      preTokenize: readPreTokenizer(new JsonField({ type: 'BertPreTokenizer' }, 'pre-tokenizer')),
      encodeWord: wordPieceEncoder({
        idOf: idsByText(vocabulary, tokens),
        unknownId,
        prefix: '##',
        maxCharacters: 100,
      }),
      decoder: wordPieceDecoder('##', true),
    }
  },
}

function ranks({ merges }: Vocabulary): ReadonlyMap<string, number> {
  const rankOf = new Map<string, number>()
  merges.forEach((merge, rank) => {
    rankOf.set(merge, rank)
  })
  return rankOf
}

function unchanged(text: string): string {
  return text
}

/** In the file U+2581 stands before a word's first piece, and the others have nothing; here these have ##, as in BERT. */
function wordPieces({ tokens, types }: Vocabulary): readonly string[] {
  return tokens.map((text, id) => {
    if (types[id] !== TokenType.normal && types[id] !== TokenType.unused) return text
    return text.startsWith('▁') ? text.slice(1) : `##${text}`
  })
}

function idsByText(
  { types }: Vocabulary,
  tokens: readonly string[],
  kinds: readonly number[] = [TokenType.normal, TokenType.userDefined],
): ReadonlyMap<string, number> {
  const idOf = new Map<string, number>()
  tokens.forEach((text, id) => {
    if (text !== '' && kinds.includes(types[id]!)) idOf.set(text, id)
  })
  return idOf
}

function unknownOf({ tokens, types, unknownId }: Vocabulary): Unknown {
  const byteIds: number[] = []
  tokens.forEach((text, id) => {
    const byte = types[id] === TokenType.byte ? byteOfPiece(text) : Number.NaN
    if (!Number.isNaN(byte)) byteIds[byte] = id
  })
  return { id: unknownId, fuses: true, byteIds }
}

function addedTokens({ model, tokens, types, addedEatSpace, maskId }: Vocabulary): AddedToken[] {
  const added: AddedToken[] = []
  tokens.forEach((text, id) => {
    const guarded = types[id] === TokenType.control || types[id] === TokenType.unknown
    if (!guarded && types[id] !== TokenType.userDefined) return
    added.push({
      id,
      text,
      guarded,
      // RoBERTa's <mask> takes the space before it; the file does not say so.
      stripsLeft: model === 't5' && id === maskId,
      stripsRight: addedEatSpace && !LEAVE_SPACE.includes(text),
      singleWord: false,
    })
  })
  return added
}
