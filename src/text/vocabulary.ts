import type { Metadata } from '../util/metadata'
import { OctavoError } from '../util/octavo-error'
import { isPreTokenizer, preTokenizer } from './pre-tokenizers'

/** `tokenizer.ggml.token_type`: what a token is. 0 stands in old files for "not said". */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/** A GGUF file's tokenizer, read and checked. */
export interface Vocabulary {
  readonly model: 'gpt2' | 'llama'
  /** Name of the pre-tokenizer (gpt2 only). */
  readonly pre: string
  /** Text by id: byte-level for gpt2, with U+2581 for spaces for llama. */
  readonly tokens: readonly string[]
  /** `TokenType` by id. */
  readonly types: Uint8Array
  /** By id; empty for gpt2. */
  readonly scores: ArrayLike<number>
  /** "left right", the first merges first; empty for llama. */
  readonly merges: readonly string[]
  readonly bosId: number | null
  readonly unknownId: number | null
  readonly eosIds: readonly number[]
  readonly addsBos: boolean
  /** llama only: a space goes in front of a text. */
  readonly addsSpacePrefix: boolean
  /** Added tokens swallow the white space behind them (Phi-3). */
  readonly addedEatSpace: boolean
}

/** Tokens that end a turn or a text by their name, in the files of today. */
const END_NAMES = [
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<|end_of_turn|>',
  '<|end_of_role|>',
  '<end_of_turn>',
  '<turn|>',
  '<end_of_utterance>',
  '<｜end▁of▁sentence｜>',
  '<|EOT|>',
  '<|eot|>',
  '<EOT>',
  '<|END_OF_TURN_TOKEN|>',
  '</s>',
  '<eos>',
  '[EOS]',
]

/** Tokens of turns whose names do not have the form `<|…|>`. */
const TURN_NAMES = ['<start_of_turn>', '<end_of_turn>', '<|turn>', '<turn|>', '<end_of_utterance>', '<EOT>']

const REMEDY = 'The file is damaged or was written by a faulty converter: get another copy of the model.'

function malformed(message: string): OctavoError {
  return new OctavoError('malformed-file', `${message}.`, REMEDY)
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
  const tokens = strings(metadata, 'tokenizer.ggml.tokens')
  if (tokens.length === 0) throw malformed('tokenizer.ggml.tokens is empty')
  if (vocabRows !== null && tokens.length !== vocabRows) {
    throw malformed(
      `tokenizer.ggml.tokens has ${tokens.length} entries, token_embd.weight has ${vocabRows} rows`,
    )
  }
  const pre = metadata.get('tokenizer.ggml.pre') ?? 'default'
  if (typeof pre !== 'string') throw malformed('tokenizer.ggml.pre must be a string')
  if (model !== 'gpt2' && model !== 'llama') throw unsupported(`tokenizer model '${model}'`)
  if (model === 'gpt2' && !isPreTokenizer(pre))
    throw unsupported(`pre-tokenizer '${pre}' (tokenizer.ggml.pre)`)

  const types = tokenTypes(metadata, tokens)
  const scores = numbers(metadata, 'tokenizer.ggml.scores', tokens.length)
  if (model === 'llama' && scores === null) throw malformed('tokenizer.ggml.scores is missing')
  markControl(types, tokens)
  const bosId = tokenId(metadata, 'bos', tokens.length)
  const eosIds = endIds(metadata, tokens, types)
  for (const id of bosId === null ? eosIds : [bosId, ...eosIds]) types[id] = TokenType.control
  const addsBos =
    metadata.get('tokenizer.ggml.add_bos_token') ?? (model === 'llama' || preTokenizer(pre).addsBos)
  return {
    model,
    pre,
    tokens,
    types,
    bosId,
    eosIds,
    scores: model === 'llama' ? scores! : [],
    merges: model === 'gpt2' ? merges(metadata) : [],
    unknownId: tokenId(metadata, 'unknown', tokens.length) ?? (model === 'llama' ? 0 : null),
    addsBos: addsBos === true && bosId !== null,
    addsSpacePrefix: model === 'llama' && metadata.get('tokenizer.ggml.add_space_prefix') !== false,
    addedEatSpace: model === 'llama' && metadata.get('general.architecture') === 'phi3',
  }
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

function unsupported(what: string): OctavoError {
  return new OctavoError(
    'unsupported-tokenizer',
    `The ${what} of this model is not supported.`,
    'Choose a model with another tokenizer; byte-level BPE (gpt2) and SentencePiece BPE (llama) are read.',
  )
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

/** Converters mark some control tokens as user-defined: `<|…|>` and those that begin and end turns are always control. */
function markControl(types: Uint8Array, tokens: readonly string[]): void {
  for (let id = 0; id < types.length; id++) {
    if (types[id] !== TokenType.userDefined) continue
    const text = tokens[id]!
    if (/^<[|｜].*[|｜]>$/s.test(text) || TURN_NAMES.includes(text)) types[id] = TokenType.control
  }
}

function endIds(metadata: Metadata, tokens: readonly string[], types: Uint8Array): readonly number[] {
  const ids = new Set<number>()
  for (const name of ['eos', 'eot', 'eom']) {
    const id = tokenId(metadata, name, tokens.length)
    if (id !== null) ids.add(id)
  }
  const names = new Set(END_NAMES)
  const found = new Map<string, number>()
  for (let id = 0; id < tokens.length; id++) {
    if (types[id] === TokenType.control && names.has(tokens[id]!)) found.set(tokens[id]!, id)
  }
  // In gpt-oss's format <|end|> only closes a channel; the turn ends with one of the other two.
  if (found.has('<|return|>') && found.has('<|call|>')) {
    ids.delete(found.get('<|end|>') ?? -1)
    found.delete('<|end|>')
  }
  for (const id of found.values()) ids.add(id)
  return [...ids]
}
