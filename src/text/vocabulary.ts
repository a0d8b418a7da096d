import type { Metadata } from '../util/metadata'
import { endIds, isControlName } from './end-tokens'
import { isPreTokenizer, preTokenizerFamily } from './pre-tokenizers'
import { malformed, noTokenizer, unsupported } from './tokenizer-errors'

/** `tokenizer.ggml.token_type`: what a token is. 0 stands in old files for "not said". */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

const MODELS = ['gpt2', 'gemma4', 'llama', 't5', 'bert'] as const

/** A GGUF file's tokenizer, read and checked. */
export interface Vocabulary {
  /** Byte-level BPE, BPE of characters with a list of merges, SentencePiece's BPE, Unigram, WordPiece. */
  readonly model: (typeof MODELS)[number]
  /** Name of the pre-tokenizer (gpt2 only). */
  readonly pre: string
  /** Text by id: byte-level for gpt2, with U+2581 for spaces for gemma4, llama and t5, before the words' first pieces for bert. */
  readonly tokens: readonly string[]
  /** `TokenType` by id. */
  readonly types: Uint8Array
  /** By id; llama and t5 only. */
  readonly scores: ArrayLike<number>
  /** "left right", the first merges first; gpt2 and gemma4 only. */
  readonly merges: readonly string[]
  readonly bosId: number | null
  readonly unknownId: number | null
  readonly eosIds: readonly number[]
  /** The ids around a whole text. */
  readonly before: readonly number[]
  readonly after: readonly number[]
  /** llama and t5 only: a space goes in front of a text. */
  readonly addsSpacePrefix: boolean
  /** t5 only: runs of spaces are one, and none is at an end. */
  readonly removesExtraSpaces: boolean
  /** t5 only: SentencePiece's precompiled character map. */
  readonly charsmap: Uint8Array | null
  /** bert only. */
  readonly lowercases: boolean
  readonly stripsAccents: boolean
  readonly maskId: number | null
  /** Added tokens swallow the white space behind them (Phi-3). */
  readonly addedEatSpace: boolean
}

/**
 * The tokenizer of a GGUF file's metadata.
 *
 * `vocabRows`: rows of the token embedding, where they are known; a file whose token list has another length is refused.
 * Throws OctavoError `malformed-file` or `unsupported-tokenizer`.
 */
export function readVocabulary(metadata: Metadata, vocabRows: number | null = null): Vocabulary {
  const model = metadata.get('tokenizer.ggml.model')
  if (model === undefined) throw malformed('tokenizer.ggml.model is missing')
  if (typeof model !== 'string') throw malformed('tokenizer.ggml.model must be a string')
  if (model === 'none' || model === 'no_vocab') throw noTokenizer(`tokenizer.ggml.model is '${model}'`)
  const tokens = strings(metadata, 'tokenizer.ggml.tokens')
  if (tokens.length === 0) throw malformed('tokenizer.ggml.tokens is empty')
  if (vocabRows !== null && tokens.length !== vocabRows) {
    throw malformed(
      `tokenizer.ggml.tokens has ${tokens.length} entries, token_embd.weight has ${vocabRows} rows`,
    )
  }
  const pre = metadata.get('tokenizer.ggml.pre') ?? 'default'
  if (typeof pre !== 'string') throw malformed('tokenizer.ggml.pre must be a string')
  const known = MODELS.find((name) => name === model)
  if (known === undefined) throw unsupported(`tokenizer model '${model}'`)
  if (known === 'gpt2' && !isPreTokenizer(pre))
    throw unsupported(`pre-tokenizer '${pre}' (tokenizer.ggml.pre)`)

  const types = tokenTypes(metadata, tokens)
  const scores = numbers(metadata, 'tokenizer.ggml.scores', tokens.length)
  const isScored = known === 'llama' || known === 't5'
  if (isScored && scores === null) throw malformed('tokenizer.ggml.scores is missing')
  markControl(types, tokens)
  const id = (name: string) => tokenId(metadata, name, tokens.length)
  const bosId = id('bos')
  const ends = ['eos', 'eot', 'eom'].map(id).filter((end) => end !== null)
  const eosIds = endIds(ends, tokens, (end) => types[end] === TokenType.control)
  for (const end of bosId === null ? eosIds : [bosId, ...eosIds]) types[end] = TokenType.control
  const lowercases = metadata.get('tokenizer.ggml.normalizer.lowercase') !== false
  return {
    model: known,
    pre,
    tokens,
    types,
    bosId,
    eosIds,
    ...surround(metadata, known, pre, id),
    scores: isScored ? scores! : [],
    merges: known === 'gpt2' || known === 'gemma4' ? merges(metadata) : [],
    unknownId: id('unknown') ?? (known === 'llama' ? 0 : null),
    addsSpacePrefix: isScored && metadata.get('tokenizer.ggml.add_space_prefix') !== false,
    removesExtraSpaces: metadata.get('tokenizer.ggml.remove_extra_whitespaces') === true,
    addedEatSpace: known === 'llama' && metadata.get('general.architecture') === 'phi3',
    charsmap: known === 't5' ? charsmap(metadata) : null,
    lowercases,
    stripsAccents: (metadata.get('tokenizer.ggml.normalizer.strip_accents') ?? lowercases) === true,
    maskId: id('mask'),
  }
}

/** Which ids go around a text; where the file does not say, as llama.cpp has it for the kind of tokenizer. */
function surround(
  metadata: Metadata,
  model: Vocabulary['model'],
  pre: string,
  id: (name: string) => number | null,
): { before: readonly number[]; after: readonly number[] } {
  const asks = (what: string, fallback: boolean) =>
    (metadata.get(`tokenizer.ggml.add_${what}_token`) ?? fallback) === true
  const present = (...ids: (number | null)[]) => ids.filter((each) => each !== null).slice(0, 1)
  const isBert = model === 'bert'
  const family = preTokenizerFamily(pre)
  const addsBos = asks(
    'bos',
    isBert || model === 'llama' || model === 'gemma4' || (model === 'gpt2' && family.addsBos),
  )
  const addsSep = asks('sep', isBert || (model === 'gpt2' && family.addsSep))
  const addsEos = asks('eos', model === 't5')
  const before = isBert ? present(id('cls'), id('bos')) : present(id('bos'))
  // The key is spelled so in the files.
  const sep = present(id('seperator'), id('separator'))
  return {
    before: addsBos ? before : [],
    after: addsSep && sep.length > 0 ? sep : addsEos || (isBert && addsSep) ? present(id('eos')) : [],
  }
}

function charsmap(metadata: Metadata): Uint8Array | null {
  const key = 'tokenizer.ggml.precompiled_charsmap'
  const value = metadata.get(key)
  if (value === undefined) return null
  if (typeof value !== 'object' || (value.length > 0 && typeof value[0] !== 'number')) {
    throw malformed(`${key} must be an array of numbers`)
  }
  return value.length === 0 ? null : Uint8Array.from(value as ArrayLike<number>, (byte) => byte & 255)
}

/** The id under `tokenizer.ggml.NAME_token_id`; null where the file has none. */
export function tokenId(metadata: Metadata, name: string, size: number): number | null {
  const key = `tokenizer.ggml.${name}_token_id`
  const id = metadata.get(key)
  if (id === undefined || id === -1 || id === 0xffffffff) return null
  if (typeof id !== 'number' || !Number.isInteger(id)) throw malformed(`${key} must be an integer`)
  if (id < 0 || id >= size) throw malformed(`${key} ${id} is out of range: there are ${size} tokens`)
  return id
}

function strings(metadata: Metadata, key: string): readonly string[] {
  const value = metadata.get(key)
  if (value === undefined) throw malformed(`${key} is missing`)
  if (typeof value === 'object' && value.length === 0) return []
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw malformed(`${key} must be an array of strings`)
  }
  return value
}

function numbers(metadata: Metadata, key: string, length: number): ArrayLike<number> | null {
  const value = metadata.get(key)
  if (value === undefined) return null
  if (typeof value !== 'object' || typeof value[0] !== 'number')
    throw malformed(`${key} must be an array of numbers`)
  if (value.length !== length) throw malformed(`${key} has ${value.length} entries, expected ${length}`)
  return value as ArrayLike<number>
}

function merges(metadata: Metadata): readonly string[] {
  const list = strings(metadata, 'tokenizer.ggml.merges')
  const bad = list.findIndex((merge) => merge.indexOf(' ') < 1)
  if (bad >= 0) throw malformed(`tokenizer.ggml.merges[${bad}] is not two tokens with a space between`)
  return list
}

function tokenTypes(metadata: Metadata, tokens: readonly string[]): Uint8Array {
  const key = 'tokenizer.ggml.token_type'
  const listed = numbers(metadata, key, tokens.length)
  const types = new Uint8Array(tokens.length).fill(TokenType.normal)
  if (listed === null) return types
  for (let id = 0; id < tokens.length; id++) {
    const type = listed[id]!
    if (!(type >= 0 && type <= TokenType.byte)) throw malformed(`${key}[${id}] is ${type}, known are 1 to 6`)
    types[id] = type || TokenType.normal
  }
  return types
}

/** Converters mark some control tokens as user-defined. */
function markControl(types: Uint8Array, tokens: readonly string[]): void {
  for (let id = 0; id < types.length; id++) {
    if (types[id] === TokenType.userDefined && isControlName(tokens[id]!)) types[id] = TokenType.control
  }
}
