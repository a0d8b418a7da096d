import { describe, expect, it } from 'vitest'
import { createTokenizer } from '../../../src/text/tokenizer'
import type { Metadata, MetadataValue } from '../../../src/util/metadata'
import { OctavoError } from '../../../src/util/octavo-error'
import { byteTokenizerMetadata } from './byte-tokenizer'
import { goldenMetadata } from './golden'
import { smallMetadata } from './small-tokenizers'

/** What is thrown for a model whose metadata are these; with `undefined` the key is missing. */
function refusal(
  changes: Readonly<Record<string, MetadataValue | undefined>>,
  vocabRows: number | null = null,
) {
  const metadata = changed(byteTokenizerMetadata({ bos: '<s>' }), changes)
  try {
    createTokenizer({ metadata }, vocabRows)
  } catch (error) {
    if (error instanceof OctavoError)
      return { code: error.code, message: error.message, remedy: error.remedy }
    throw error
  }
  return null
}

function changed(metadata: Metadata, changes: Readonly<Record<string, MetadataValue | undefined>>): Metadata {
  const copy = new Map(metadata)
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) copy.delete(`tokenizer.ggml.${key}`)
    else copy.set(`tokenizer.ggml.${key}`, value)
  }
  return copy
}

describe('a tokenizer is refused', () => {
  const damaged: [string, Readonly<Record<string, MetadataValue | undefined>>, RegExp][] = [
    ['without its model', { model: undefined }, /^tokenizer\.ggml\.model is missing/],
    ['whose model is no text', { model: 3 }, /^tokenizer\.ggml\.model must be a string/],
    ['without tokens', { tokens: undefined }, /^tokenizer\.ggml\.tokens is missing/],
    ['whose tokens are numbers', { tokens: [1, 2] }, /^tokenizer\.ggml\.tokens must be an array of strings/],
    ['with an empty list of tokens', { tokens: [] }, /^tokenizer\.ggml\.tokens is empty/],
    ['without merges', { merges: undefined }, /^tokenizer\.ggml\.merges is missing/],
    ['with a merge of one token', { merges: ['a b', 'ab'] }, /^tokenizer\.ggml\.merges\[1\]/],
    [
      'with too few types',
      { token_type: [1, 1] },
      /^tokenizer\.ggml\.token_type has 2 entries, expected 257/,
    ],
    ['with a type that is none', { token_type: new Uint8Array(257).fill(9) }, /token_type\[0\] is 9/],
    ['with a BOS that is no token', { bos_token_id: 257 }, /bos_token_id 257 is out of range: .* 257 tokens/],
    ['with half a token as EOS', { eos_token_id: 1.5 }, /eos_token_id must be an integer/],
    ['whose pre-tokenizer is no text', { pre: true }, /^tokenizer\.ggml\.pre must be a string/],
    ['without scores, if it is SentencePiece', { model: 'llama' }, /^tokenizer\.ggml\.scores is missing/],
  ]
  it.each(damaged)('%s', (_, changes, message) => {
    expect(refusal(changes)).toMatchObject({
      code: 'malformed-file',
      message: expect.stringMatching(message),
    })
    expect(refusal(changes)?.remedy).toContain('another copy')
  })

  it('whose tokens do not fit the embedding', () => {
    expect(refusal({}, 257)).toBeNull()
    expect(refusal({}, 300)).toMatchObject({
      code: 'malformed-file',
      message: 'tokenizer.ggml.tokens has 257 entries, token_embd.weight has 300 rows.',
    })
  })

  it('that is none', () => {
    for (const model of ['none', 'no_vocab']) {
      expect(refusal({ model })).toMatchObject({
        code: 'unsupported-tokenizer',
        message: `This model has no tokenizer: tokenizer.ggml.model is '${model}'.`,
        remedy: expect.stringContaining('tokenizer.json'),
      })
    }
  })

  it('by name where its kind is not known', () => {
    for (const model of ['plamo2', 'rwkv']) {
      expect(refusal({ model })).toMatchObject({
        code: 'unsupported-tokenizer',
        message: expect.stringContaining(`'${model}'`),
        remedy: expect.stringContaining('gpt2'),
      })
    }
    expect(refusal({ pre: 'klingon' })).toMatchObject({
      code: 'unsupported-tokenizer',
      message: expect.stringContaining("'klingon' (tokenizer.ggml.pre)"),
    })
  })
})

describe('around a text', () => {
  const surround = (model: string, changes: Readonly<Record<string, MetadataValue | undefined>> = {}) => {
    const metadata = new Map(Object.entries(smallMetadata[model]!)) as Metadata
    const { before, after } = createTokenizer({ metadata: changed(metadata, changes) })
    return [before, after]
  }

  it('goes what the file says, or else what its kind of tokenizer has', () => {
    expect(surround('llama')).toEqual([[1], []])
    expect(surround('llama', { add_bos_token: false, add_eos_token: true })).toEqual([[], [2]])
    expect(surround('bert')).toEqual([[2], [3]])
    expect(surround('bert', { add_sep_token: false, add_bos_token: false })).toEqual([[], []])
    expect(surround('t5')).toEqual([[], [1]])
    expect(surround('t5', { add_bos_token: true, add_eos_token: false })).toEqual([[0], []])
    expect(surround('gpt2')).toEqual([[258], []])
    expect(surround('gpt2', { pre: 'gpt-2', add_bos_token: undefined })).toEqual([[], []])
    expect(surround('gpt2', { pre: 'roberta-bpe', seperator_token_id: 258 })).toEqual([[258], [258]])
  })
})

describe('a model’s words', () => {
  const cut = (
    model: string,
    text: string,
    changes: Readonly<Record<string, MetadataValue | undefined>> = {},
  ) => {
    const metadata = new Map(Object.entries(smallMetadata[model]!)) as Metadata
    const tokenizer = createTokenizer({ metadata: changed(metadata, changes) })
    const ids = tokenizer.encode(text, { special: true, addBos: false })
    return ids.map((id) => new TextDecoder().decode(tokenizer.tokenBytes(id)))
  }

  it('are cut as its kind of tokenizer does', () => {
    expect(cut('gpt2', 'hell<|end|>')).toEqual(['he', 'll', '<|end|>'])
    expect(cut('gemma4', ' hello helo')).toEqual([' hello', ' hel', 'o'])
    expect(cut('llama', 'hello hello')).toEqual([' hello', ' hello'])
    expect(cut('t5', '  hello   h ')).toEqual([' he', 'll', 'o', ' ', 'h'])
    expect(cut('t5', 'hello h', { add_space_prefix: false })).toEqual(['h', 'e', 'll', 'o', 'h'])
    expect(cut('bert', 'Héllo. hel')).toEqual([' hello', '.', ' he', 'l'])
  })

  it('keep their case and accents where the file says so', () => {
    expect(cut('bert', 'Hello', { 'normalizer.lowercase': false })).toEqual([' [UNK]'])
    expect(cut('bert', 'Héllo', { 'normalizer.strip_accents': false })).toEqual([' [UNK]'])
  })
})

describe('tokens that end an answer', () => {
  const endsOf = (specials: readonly string[], eos: string, types?: Readonly<Record<string, number>>) => {
    const metadata = byteTokenizerMetadata({ specials, eos })
    const tokens = metadata.get('tokenizer.ggml.tokens') as readonly string[]
    const listed = Array.from(metadata.get('tokenizer.ggml.token_type') as readonly number[])
    for (const [text, type] of Object.entries(types ?? {})) listed[tokens.indexOf(text)] = type
    const tokenizer = createTokenizer({ metadata: changed(metadata, { token_type: listed }) })
    return tokenizer.eosIds.map((id) => tokens[id])
  }

  it('are the file’s and those named so', () => {
    expect(endsOf(['<|im_start|>', '<|im_end|>'], '<|endoftext|>')).toEqual(['<|endoftext|>', '<|im_end|>'])
    expect(createTokenizer({ metadata: goldenMetadata('smollm2') }).eosIds).toContain(2)
  })

  it('are found where a converter marked them as user-defined', () => {
    const userDefined = { '<end_of_turn>': 4, '<|EOT|>': 4 }
    expect(endsOf(Object.keys(userDefined), '<eos>', userDefined)).toEqual([
      '<eos>',
      '<end_of_turn>',
      '<|EOT|>',
    ])
  })

  it('do not include what only closes a channel', () => {
    expect(endsOf(['<|end|>', '<|return|>', '<|call|>'], '<|return|>')).toEqual(['<|return|>', '<|call|>'])
  })

  it('are special though the file says that they are ordinary', () => {
    const tokenizer = createTokenizer({
      metadata: changed(byteTokenizerMetadata({ eos: '<e>' }), { token_type: new Uint8Array(257).fill(1) }),
    })
    expect(tokenizer.isSpecial(256)).toBe(true)
    expect(tokenizer.encode('<e>', { special: false, addBos: false })).toHaveLength(3)
  })
})
