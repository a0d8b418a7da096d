import type { TokenizerFiles } from '../../../src/text/tokenizer-json'
import type { Json } from '../../support/mutate'
import { byteTokenizerMetadata } from './byte-tokenizer'

const LETTERS = [...'▁abcdefghijklmnopqrstuvwxyz.,']
const BYTES = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
)

function vocabularyOf(tokens: readonly string[]): Record<string, number> {
  return Object.fromEntries(tokens.map((token, id) => [token, id]))
}

export function addedToken(id: number, content: string, more: Readonly<Record<string, boolean>> = {}) {
  return {
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
    ...more,
  }
}

function template(before: string | null, after: string | null, ids: Readonly<Record<string, number>>): Json {
  const special = (text: string) => ({ SpecialToken: { id: text, type_id: 0 } })
  const special_tokens = Object.fromEntries(
    Object.entries(ids).map(([text, id]) => [text, { id: text, ids: [id], tokens: [text] }]),
  )
  const single = [
    ...(before ? [special(before)] : []),
    { Sequence: { id: 'A', type_id: 0 } },
    ...(after ? [special(after)] : []),
  ]
  return { type: 'TemplateProcessing', single, pair: [], special_tokens }
}

/** Byte-level BPE whose tokens are the 256 bytes, some merges and two special ones. */
const characters = byteTokenizerMetadata().get('tokenizer.ggml.tokens') as readonly string[]
const byteLevel: Json = {
  version: '1.0',
  added_tokens: [addedToken(260, '<|end|>'), addedToken(261, '<tool>', { special: false, normalized: true })],
  normalizer: { type: 'NFC' },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Digits', individual_digits: true },
      {
        type: 'Split',
        pattern: { Regex: '\\s?\\p{L}+|\\s+(?!\\S)|\\s+' },
        behavior: 'Isolated',
        invert: false,
      },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
  post_processor: {
    type: 'Sequence',
    processors: [{ type: 'ByteLevel' }, template('<|end|>', null, { '<|end|>': 260 })],
  },
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: '',
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: true,
    vocab: vocabularyOf([...characters, 'he', 'll', 'llo', 'hello']),
    merges: ['h e', 'l l', ['ll', 'o'], ['he', 'llo']],
  },
}

const pieces = ['<unk>', '<s>', '</s>', ...BYTES, ...LETTERS, '▁h', 'el', 'lo', '▁hel', '▁hello']
const sentencePiece: Json = {
  added_tokens: [addedToken(0, '<unk>'), addedToken(1, '<s>'), addedToken(2, '</s>', { rstrip: true })],
  normalizer: {
    type: 'Sequence',
    normalizers: [
      { type: 'Prepend', prepend: '▁' },
      { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    ],
  },
  pre_tokenizer: null,
  post_processor: template('<s>', '</s>', { '<s>': 1, '</s>': 2 }),
  decoder: {
    type: 'Sequence',
    decoders: [
      { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
      { type: 'ByteFallback' },
      { type: 'Fuse' },
      { type: 'Strip', content: ' ', start: 1, stop: 0 },
    ],
  },
  model: {
    type: 'BPE',
    unk_token: '<unk>',
    fuse_unk: true,
    byte_fallback: true,
    vocab: vocabularyOf(pieces),
    merges: [
      ['▁', 'h'],
      ['e', 'l'],
      ['l', 'o'],
      ['▁h', 'el'],
      ['▁hel', 'lo'],
    ],
  },
}

/** A character map of one entry: the byte A becomes "a". */
function charsmap(): string {
  const units = new Uint32Array(256).fill(0)
  units[0] = 1 << 10
  // The child of byte 0x41 from offset 1 is at 0x40; it has a value, at its own offset 0x42.
  units[0x40] = (0x02 << 10) | 0x100 | 0x41
  units[0x42] = 0x80000000
  const bytes = new Uint8Array([
    ...new Uint8Array(Uint32Array.of(units.length * 4).buffer),
    ...new Uint8Array(units.buffer),
    0x61,
    0,
  ])
  return btoa(String.fromCharCode(...bytes))
}

const unigram: Json = {
  added_tokens: [
    addedToken(0, '<s>'),
    addedToken(1, '</s>'),
    addedToken(2, '<unk>'),
    addedToken(3, '<mask>', { lstrip: true }),
  ],
  normalizer: {
    type: 'Sequence',
    normalizers: [{ type: 'Precompiled', precompiled_charsmap: charsmap() }, { type: 'Nmt' }],
  },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      { type: 'WhitespaceSplit' },
      { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    ],
  },
  post_processor: {
    type: 'RobertaProcessing',
    sep: ['</s>', 1],
    cls: ['<s>', 0],
    trim_offsets: true,
    add_prefix_space: true,
  },
  decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
  model: {
    type: 'Unigram',
    unk_id: 2,
    byte_fallback: false,
    vocab: [
      ...['<s>', '</s>', '<unk>', '<mask>'].map((piece) => [piece, 0]),
      ...LETTERS.map((piece, i) => [piece, -8 - i / 10]),
      ['▁he', -4],
      ['ll', -5],
      ['▁hello', -6],
    ],
  },
}

const words = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'hello', 'he', '##l', '##llo', 'a', '##b', '.', ',', '中']
const wordPiece: Json = {
  added_tokens: [1, 2, 3].map((id) => addedToken(id, words[id]!)),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: vocabularyOf(words),
  },
}

function filesOf(
  tokenizer: Json,
  bos: string,
  eos: string,
): TokenizerFiles & { readonly [name: string]: Json } {
  return {
    tokenizer,
    tokenizerConfig: {
      bos_token: { content: bos },
      eos_token: eos,
      add_bos_token: true,
      added_tokens_decoder: {},
    },
    config: { eos_token_id: 1, bos_token_id: 1, vocab_size: 300 },
    generationConfig: { eos_token_id: [1, 2] },
  }
}

/** One tokenizer of each kind, small enough to be read. */
export const smallTokenizers = {
  byteLevel: filesOf(byteLevel, '<|end|>', '<|end|>'),
  sentencePiece: filesOf(sentencePiece, '<s>', '</s>'),
  unigram: filesOf(unigram, '<s>', '</s>'),
  wordPiece: filesOf(wordPiece, '[CLS]', '[SEP]'),
} as const

/** Metadata of a GGUF file for each kind, as JSON. */
export const smallMetadata: Readonly<Record<string, { readonly [key: string]: Json }>> = {
  gpt2: {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'llama-bpe',
    'tokenizer.ggml.tokens': [...characters, 'he', 'll', '<|end|>'],
    'tokenizer.ggml.token_type': [...characters.map(() => 1), 1, 1, 3],
    'tokenizer.ggml.merges': ['h e', 'l l'],
    'tokenizer.ggml.bos_token_id': 258,
    'tokenizer.ggml.eos_token_id': 258,
    'tokenizer.ggml.add_bos_token': true,
  },
  gemma4: {
    'tokenizer.ggml.model': 'gemma4',
    'tokenizer.ggml.tokens': pieces,
    'tokenizer.ggml.token_type': pieces.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
    'tokenizer.ggml.merges': ['▁ h', 'e l', 'l o', '▁h el', '▁hel lo'],
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.unknown_token_id': 0,
  },
  llama: {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': pieces,
    'tokenizer.ggml.scores': pieces.map((_, id) => -id),
    'tokenizer.ggml.token_type': pieces.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.add_eos_token': false,
    'tokenizer.ggml.add_space_prefix': true,
  },
  t5: {
    'tokenizer.ggml.model': 't5',
    'tokenizer.ggml.tokens': ['<s>', '</s>', '<unk>', ...LETTERS, '▁he', 'll'],
    'tokenizer.ggml.scores': [0, 0, 0, ...LETTERS.map((_, i) => -i), -1, -2],
    'tokenizer.ggml.token_type': [3, 3, 2, ...LETTERS.map(() => 1), 1, 1],
    'tokenizer.ggml.bos_token_id': 0,
    'tokenizer.ggml.eos_token_id': 1,
    'tokenizer.ggml.unknown_token_id': 2,
    'tokenizer.ggml.remove_extra_whitespaces': true,
    'tokenizer.ggml.precompiled_charsmap': Array.from(atob(charsmap()), (char) => char.charCodeAt(0)),
  },
  bert: {
    'tokenizer.ggml.model': 'bert',
    'tokenizer.ggml.tokens': ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '▁hello', '▁he', 'l', 'llo', '▁.'],
    'tokenizer.ggml.token_type': [3, 3, 3, 3, 1, 1, 1, 1, 1],
    'tokenizer.ggml.unknown_token_id': 1,
    'tokenizer.ggml.cls_token_id': 2,
    'tokenizer.ggml.seperator_token_id': 3,
    'tokenizer.ggml.mask_token_id': 0,
  },
}
