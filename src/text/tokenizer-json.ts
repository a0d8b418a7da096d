import type { AddedToken } from './added-tokens'
import { bpeEncoder, type Unknown, type WordEncoder } from './bpe'
import { byteOfPiece } from './byte-table'
import { readDecoder } from './decoders'
import { endIds, isControlName } from './end-tokens'
import { type Frames, plainFrames, surround } from './frame'
import { JsonField } from './json-field'
import { readNormalizer } from './normalizers'
import { readPostProcessor } from './post-processors'
import { readPreTokenizer } from './pre-tokenizer-steps'
import { malformed, unsupported } from './tokenizer-errors'
import type { TokenizerParts } from './tokenizer-parts'
import { unigramEncoder } from './unigram'
import { wordPieceEncoder } from './wordpiece'

/** The files of a repo that say what its tokenizer is, as parsed JSON; null where the repo has none. */
export interface TokenizerFiles {
  readonly tokenizer: unknown
  readonly tokenizerConfig: unknown
  readonly config: unknown
  readonly generationConfig: unknown
}

/** What the parts of a tokenizer.json have to know of its vocabulary. */
interface Vocabulary {
  /** By id; added tokens too. */
  readonly tokens: (string | undefined)[]
  /** By id: what the model may cut a word into. */
  readonly pieces: readonly (string | undefined)[]
  /** By id; Unigram only. */
  readonly scores: Float64Array
  /** Ids of added tokens are below it. */
  readonly limit: number
}

/** The parts of a tokenizer.json, every field checked. Throws OctavoError `malformed-file` or `unsupported-tokenizer`. */
export function partsOfTokenizerJson(files: TokenizerFiles): TokenizerParts {
  const file = new JsonField(files.tokenizer, 'tokenizer.json:')
  const settings = new JsonField(files.tokenizerConfig ?? {}, 'tokenizer_config.json:')
  const model = file.at('model')
  const type = modelType(model)
  const vocabulary = type === 'Unigram' ? scoredVocabulary(model) : namedVocabulary(model)
  const { tokens } = vocabulary
  const { added, normalized, special } = addedTokens(file, settings, vocabulary)
  const normalize = readNormalizer(file.at('normalizer'))
  const decoder = readDecoder(file.at('decoder'))
  const guarded = new Set(added.filter((token) => token.guarded).map((token) => token.id))
  const idOfAny = new Map<string, number>()
  tokens.forEach((text, id) => {
    if (text !== undefined) idOfAny.set(text, id)
  })
  const named = (field: JsonField): number | null => {
    if (field.missing) return null
    return idOfAny.get(typeof field.value === 'string' ? field.value : field.at('content').string()) ?? null
  }
  const config = new JsonField(files.config ?? {}, 'config.json:')
  const configs = [config, new JsonField(files.generationConfig ?? {}, 'generation_config.json:')]
  // Of a model that reads images too.
  if (!config.at('text_config').missing) configs.push(config.at('text_config'))
  const bosId =
    settings.at('bos_token').value === undefined
      ? configuredId(configs, tokens.length)
      : named(settings.at('bos_token'))
  const eosId = named(settings.at('eos_token'))
  const ends = [...(eosId === null ? [] : [eosId]), ...configuredEnds(configs, tokens.length)]
  return {
    tokens,
    isSpecial: (id) => special.has(id),
    isByte: (id) => decoder.hasByteTokens && !Number.isNaN(byteOfPiece(tokens[id] ?? '')),
    added,
    addedNormalized: normalized.map((token) => ({ ...token, text: normalize(token.text) })),
    normalize,
    preTokenize: readPreTokenizer(file.at('pre_tokenizer')),
    encodeWord: readModel(model, type, vocabulary, (id) => guarded.has(id)),
    decoder,
    bosId,
    eosIds: endIds(ends, tokens, (id) => guarded.has(id)),
    frames: adjustedFrames(
      readPostProcessor(file.at('post_processor'), tokens.length),
      settings,
      bosId,
      eosId,
    ),
  }
}

const MODELS = ['BPE', 'Unigram', 'WordPiece'] as const

function modelType(model: JsonField): (typeof MODELS)[number] {
  // Old files do not say it.
  const vocab = model.at('vocab').value
  const guess = Array.isArray(vocab) ? 'Unigram' : model.at('merges').missing ? 'WordPiece' : 'BPE'
  const name = model.at('type').string(guess)
  const type = MODELS.find((known) => known === name)
  if (type === undefined) throw unsupported(`tokenizer model '${name.slice(0, 60)}' (tokenizer.json)`)
  return type
}

/** Above it, a file's ids would have more gaps than tokens. */
function idLimit(count: number): number {
  return 2 * count + 65_536
}

function namedVocabulary(model: JsonField): Vocabulary {
  const field = model.at('vocab')
  const entries = field.entries()
  if (entries.length === 0) throw malformed(`${field.path} is empty`)
  const limit = idLimit(entries.length)
  const tokens: (string | undefined)[] = []
  for (const [text, id] of entries) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= limit) {
      throw malformed(`${field.path} has a token whose id is ${String(id).slice(0, 40)}`)
    }
    while (tokens.length <= id) tokens.push(undefined)
    if (tokens[id] !== undefined) throw malformed(`${field.path} has two tokens with the id ${id}`)
    tokens[id] = text
  }
  return { tokens, pieces: [...tokens], scores: new Float64Array(), limit }
}

function scoredVocabulary(model: JsonField): Vocabulary {
  const field = model.at('vocab')
  const entries = field.list()
  if (entries.length === 0) throw malformed(`${field.path} is empty`)
  const scores = new Float64Array(entries.length)
  const tokens = entries.map((entry, id) => {
    const [text, score] = Array.isArray(entry) ? (entry as unknown[]) : []
    if (typeof text !== 'string' || typeof score !== 'number') {
      throw malformed(`${field.path}[${id}] is not a piece and its score`)
    }
    scores[id] = score
    return text
  })
  return { tokens, pieces: [...tokens], scores, limit: idLimit(entries.length) }
}

/** Adds the added tokens to the vocabulary. Those that are guarded are looked for in the text as it is. */
function addedTokens(file: JsonField, settings: JsonField, { tokens, limit }: Vocabulary) {
  const byId = new Map<number, AddedToken & { special: boolean; normalized: boolean }>()
  const idOf = new Map<string, number>()
  const known = new Set(tokens)
  const read = (item: JsonField, id: number) => {
    const text = item.at('content').string()
    const special = item.at('special').boolean(false)
    const other = tokens[id] ?? (known.has(text) ? '' : text)
    if (other !== text || (idOf.get(text) ?? id) !== id) {
      throw malformed(`${item.path}: the token ${JSON.stringify(text.slice(0, 40))} cannot have the id ${id}`)
    }
    while (tokens.length <= id) tokens.push(undefined)
    tokens[id] = text
    idOf.set(text, id)
    byId.set(id, {
      id,
      text,
      special,
      guarded: special || isControlName(text),
      stripsLeft: item.at('lstrip').boolean(false),
      stripsRight: item.at('rstrip').boolean(false),
      singleWord: item.at('single_word').boolean(false),
      normalized: item.at('normalized').boolean(!special),
    })
  }
  const listed = file.at('added_tokens')
  for (const item of listed.missing ? [] : listed.items()) read(item, item.at('id').integer(limit))
  // Some repos name further ones only here.
  const further = settings.at('added_tokens_decoder')
  for (const [key] of further.missing ? [] : further.entries()) {
    const id = new JsonField(Number(key), `${further.path}.${key.slice(0, 40)}`).integer(limit)
    if (!byId.has(id)) read(further.at(key), id)
  }
  const all = [...byId.values()]
  return {
    added: all.filter((token) => token.guarded || !token.normalized),
    normalized: all.filter((token) => !token.guarded && token.normalized),
    special: new Set(all.filter((token) => token.special).map((token) => token.id)),
  }
}

function readModel(
  model: JsonField,
  type: (typeof MODELS)[number],
  { tokens, pieces, scores }: Vocabulary,
  isGuarded: (id: number) => boolean,
): WordEncoder {
  const byteFallback = type !== 'WordPiece' && model.at('byte_fallback').boolean(false)
  const byteIds: number[] = []
  const idOf = new Map<string, number>()
  const unknownName = type === 'Unigram' ? '' : model.at('unk_token').string('')
  const unknownByName =
    unknownName === '' || !tokens.includes(unknownName) ? null : tokens.indexOf(unknownName)
  for (let id = 0; id < pieces.length; id++) {
    const text = pieces[id]
    if (text === undefined) continue
    const byte = byteFallback ? byteOfPiece(text) : Number.NaN
    if (!Number.isNaN(byte)) byteIds[byte] = id
    else if (!isGuarded(id) && text !== '') idOf.set(text, id)
  }
  if (unknownName && unknownByName === null) throw malformed(`${model.path}.unk_token is no token`)
  if (type === 'WordPiece') {
    if (unknownByName === null) throw malformed(`${model.path}.unk_token is missing`)
    return wordPieceEncoder({
      idOf,
      unknownId: unknownByName,
      prefix: model.at('continuing_subword_prefix').string('##'),
      maxCharacters: model.at('max_input_chars_per_word').integer(100_000, 100),
    })
  }
  if (type === 'Unigram') {
    const field = model.at('unk_id')
    const id = field.missing ? null : field.integer(scores.length)
    const worst = scores.reduce((least, score) => Math.min(least, score), Infinity)
    return unigramEncoder(idOf, scores, worst, { id, fuses: true, byteIds })
  }
  for (const part of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    if (model.at(part).string('') !== '') throw unsupported(`BPE with ${part} (tokenizer.json)`)
  }
  const dropout = model.at('dropout')
  if (!dropout.missing && dropout.value !== 0) throw unsupported('BPE with dropout (tokenizer.json)')
  const unknown: Unknown = { id: unknownByName, fuses: model.at('fuse_unk').boolean(false), byteIds }
  return bpeEncoder({
    idOf,
    ...readMerges(model.at('merges')),
    ignoreMerges: model.at('ignore_merges').boolean(false),
    unknown,
  })
}

/** Merges are `"left right"`, or in newer files `["left", "right"]`, where the tokens themselves may have spaces. */
function readMerges(field: JsonField): { rankOf: Map<string, number>; separator: string } {
  const list = field.list()
  const hasSpace = (part: unknown) => typeof part === 'string' && part.includes(' ')
  const separator = list.some((merge) => Array.isArray(merge) && merge.some(hasSpace)) ? '\u0000' : ' '
  const rankOf = new Map<string, number>()
  for (let rank = 0; rank < list.length; rank++) {
    const merge = list[rank]
    let key: string
    if (typeof merge === 'string') {
      const space = merge.indexOf(' ')
      if (space < 1 || space === merge.length - 1 || merge.includes(' ', space + 1)) throw notTwo(field, rank)
      key = separator === ' ' ? merge : merge.replace(' ', separator)
    } else {
      const [left, right] = Array.isArray(merge) && merge.length === 2 ? (merge as unknown[]) : []
      if (typeof left !== 'string' || typeof right !== 'string') throw notTwo(field, rank)
      key = left + separator + right
    }
    rankOf.set(key, rank)
  }
  return { rankOf, separator }
}

function notTwo(field: JsonField, rank: number): Error {
  return malformed(`${field.path}[${rank}] is not two tokens`)
}

/** What config.json and generation_config.json say ends a text: an id or several. */
function configuredEnds(configs: readonly JsonField[], size: number): readonly number[] {
  return configs.flatMap((config) => {
    const field = config.at('eos_token_id')
    if (field.missing) return []
    const rows = config.at('vocab_size').value
    const limit =
      typeof rows === 'number' && Number.isInteger(rows) && rows > size ? Math.min(rows, 2 ** 31) : size
    return Array.isArray(field.value) ? field.items().map((id) => id.integer(limit)) : [field.integer(limit)]
  })
}

function configuredId(configs: readonly JsonField[], size: number): number | null {
  for (const config of configs) {
    const id = config.at('bos_token_id').value
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < size) return id
  }
  return null
}

/** tokenizer_config.json's `add_bos_token` and `add_eos_token` have the last word, where they are there. */
function adjustedFrames(frames: Frames, settings: JsonField, bos: number | null, eos: number | null): Frames {
  const { before, after } = surround(frames.single)
  const asks = (name: string, id: number | null, ids: readonly number[]): boolean | null => {
    const asked = settings.at(name)
    return asked.missing || id === null || asked.boolean() === ids.includes(id) ? null : asked.boolean()
  }
  const bosAsked = asks('add_bos_token', bos, before)
  const eosAsked = asks('add_eos_token', eos, after)
  if (bosAsked === null && eosAsked === null) return frames
  const first = bosAsked ? [bos!, ...before] : before.filter((id) => bosAsked === null || id !== bos)
  const last = eosAsked ? [...after, eos!] : after.filter((id) => eosAsked === null || id !== eos)
  return plainFrames(first, last)
}
