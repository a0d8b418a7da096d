import { describe, expect, it } from 'vitest'
import { createTokenizer } from '../../../src/text/tokenizer'
import type { TokenizerFiles } from '../../../src/text/tokenizer-json'
import { OctavoError } from '../../../src/util/octavo-error'
import { addedToken, smallTokenizers } from './small-tokenizers'

type Changes = Readonly<Record<string, unknown>>

/** The files with other values at paths such as `tokenizer.model.vocab`. */
function changed(files: TokenizerFiles, changes: Changes): TokenizerFiles {
  const copy = structuredClone(files)
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split('.')
    const last = keys.pop()!
    const parent = keys.reduce(
      (at, key) => at[key] as Record<string, unknown>,
      copy as unknown as Record<string, unknown>,
    )
    parent[last] = value
  }
  return copy
}

const { byteLevel, sentencePiece, unigram, wordPiece } = smallTokenizers

function make(files: TokenizerFiles, changes: Changes = {}) {
  return createTokenizer({ kind: 'safetensors', texts: changed(files, changes) })
}

function encode(files: TokenizerFiles, text: string, changes: Changes = {}): readonly (string | undefined)[] {
  const tokenizer = make(files, changes)
  const ids = tokenizer.encode(text, { special: true, addBos: false })
  return ids.map((id) => new TextDecoder().decode(tokenizer.tokenBytes(id)))
}

describe('a tokenizer.json is refused', () => {
  const refusals: [string, TokenizerFiles, Changes, string, RegExp][] = [
    ['with no model', byteLevel, { 'tokenizer.model': null }, 'malformed-file', /model must be an object/],
    ['that is a list', byteLevel, { tokenizer: [] }, 'malformed-file', /^tokenizer\.json: must be an object/],
    [
      'with an empty vocabulary',
      byteLevel,
      { 'tokenizer.model.vocab': {} },
      'malformed-file',
      /model\.vocab is empty/,
    ],
    [
      'with an id that is half',
      byteLevel,
      { 'tokenizer.model.vocab.h': 0.5 },
      'malformed-file',
      /whose id is 0\.5/,
    ],
    [
      'with an id far off',
      byteLevel,
      { 'tokenizer.model.vocab.h': 1e9 },
      'malformed-file',
      /whose id is 1000000000/,
    ],
    [
      'with one id twice',
      byteLevel,
      { 'tokenizer.model.vocab.h': 3 },
      'malformed-file',
      /two tokens with the id 3/,
    ],
    [
      'with a merge of one token',
      byteLevel,
      { 'tokenizer.model.merges.0': 'he' },
      'malformed-file',
      /merges\[0\]/,
    ],
    [
      'with a merge of three',
      byteLevel,
      { 'tokenizer.model.merges.3': ['a', 'b', 'c'] },
      'malformed-file',
      /merges\[3\]/,
    ],
    [
      'whose added token has another’s id',
      byteLevel,
      { 'tokenizer.added_tokens.0': addedToken(5, '<|end|>') },
      'malformed-file',
      /"<\|end\|>" cannot have the id 5/,
    ],
    [
      'without its unknown token',
      wordPiece,
      { 'tokenizer.model.unk_token': 'x' },
      'malformed-file',
      /unk_token/,
    ],
    [
      'whose unknown id is none',
      unigram,
      { 'tokenizer.model.unk_id': 99 },
      'malformed-file',
      /unk_id must be from 0/,
    ],
    [
      'with a piece without score',
      unigram,
      { 'tokenizer.model.vocab.5': ['x'] },
      'malformed-file',
      /vocab\[5\]/,
    ],
    [
      'whose template has no text',
      sentencePiece,
      { 'tokenizer.post_processor.single': [] },
      'malformed-file',
      /single must have the text once/,
    ],
    [
      'whose end is no id',
      byteLevel,
      { 'config.eos_token_id': 5000 },
      'malformed-file',
      /config\.json: eos_token_id/,
    ],
    [
      'with a damaged map',
      unigram,
      { 'tokenizer.normalizer.normalizers.0.precompiled_charsmap': 'AAAA' },
      'malformed-file',
      /character map/,
    ],
    [
      'of another model',
      byteLevel,
      { 'tokenizer.model.type': 'WordLevel' },
      'unsupported-tokenizer',
      /'WordLevel'/,
    ],
    ['with dropout', byteLevel, { 'tokenizer.model.dropout': 0.1 }, 'unsupported-tokenizer', /dropout/],
    [
      'with a suffix',
      byteLevel,
      { 'tokenizer.model.end_of_word_suffix': '</w>' },
      'unsupported-tokenizer',
      /end_of_word_suffix/,
    ],
    [
      'with another normalizer',
      byteLevel,
      { 'tokenizer.normalizer': { type: 'Rot13' } },
      'unsupported-tokenizer',
      /normalizer 'Rot13'/,
    ],
    [
      'with another pre-tokenizer',
      byteLevel,
      { 'tokenizer.pre_tokenizer.pretokenizers.0.type': 'UnicodeScripts' },
      'unsupported-tokenizer',
      /'UnicodeScripts' \(tokenizer\.json: pre_tokenizer\.pretokenizers\[0\]\)/,
    ],
    [
      'with another decoder',
      byteLevel,
      { 'tokenizer.decoder': { type: 'CTC' } },
      'unsupported-tokenizer',
      /decoder 'CTC'/,
    ],
    [
      'with another post-processor',
      byteLevel,
      { 'tokenizer.post_processor': { type: 'X' } },
      'unsupported-tokenizer',
      /post-processor 'X'/,
    ],
    ['that is not there', byteLevel, { tokenizer: null }, 'unsupported-tokenizer', /no tokenizer\.json/],
  ]
  it.each(refusals)('%s', (_, files, changes, code, message) => {
    let thrown: unknown
    try {
      make(files, changes)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(OctavoError)
    expect(thrown).toMatchObject({ code, message: expect.stringMatching(message) })
    expect((thrown as OctavoError).remedy.length).toBeGreaterThan(20)
  })

  it('where it is nested without end', () => {
    let normalizer: unknown = { type: 'NFC' }
    for (let depth = 0; depth < 10_000; depth++) normalizer = { type: 'Sequence', normalizers: [normalizer] }
    const tokenizer = { ...(byteLevel.tokenizer as object), normalizer }
    expect(() => createTokenizer({ kind: 'safetensors', texts: { ...byteLevel, tokenizer } })).toThrow(
      'nested too deeply',
    )
  })
})

describe('a tokenizer.json that makes too much of a text', () => {
  it('is refused when it does', () => {
    const twice = { type: 'Replace', pattern: { String: 'a' }, content: 'a'.repeat(60) }
    const tokenizer = make(byteLevel, {
      'tokenizer.normalizer': { type: 'Sequence', normalizers: Array(9).fill(twice) },
    })
    const encode = () => tokenizer.encode('a'.repeat(1000), { special: true, addBos: false })
    expect(encode).toThrow('makes a text more than 20 times as long')
  })
})

describe('an added token', () => {
  const withToken = (more: Readonly<Record<string, boolean>>, content = 'TOK') => ({
    'tokenizer.added_tokens.1': addedToken(261, content, { special: false, ...more }),
  })
  const cut = (text: string, more: Readonly<Record<string, boolean>>) =>
    encode(byteLevel, text, withToken(more)).join('|')

  it('takes the white space at its sides where it says so', () => {
    expect(cut('a  TOK  b', {})).toBe('a| | |TOK| | |b')
    expect(cut('a  TOK  b', { lstrip: true })).toBe('a|TOK| | |b')
    expect(cut('a  TOK  b', { rstrip: true })).toBe('a| | |TOK|b')
  })

  it('may have to be a word', () => {
    expect(cut('aTOK TOK.', { single_word: true })).toBe('a|T|O|K| |TOK|.')
    expect(cut('TOK_ éTOK', { single_word: true })).not.toContain('TOK|')
  })

  it('is looked for in the normalized text or before', () => {
    const lowercase = { 'tokenizer.normalizer': { type: 'Lowercase' } }
    expect(encode(byteLevel, 'Tok', { ...lowercase, ...withToken({ normalized: true }) })).toEqual(['TOK'])
    expect(encode(byteLevel, 'Tok', { ...lowercase, ...withToken({ normalized: false }) })).toEqual([
      't',
      'o',
      'k',
    ])
  })

  it('that is special is never made of other characters by normalizing', () => {
    const nfkc = { 'tokenizer.normalizer': { type: 'NFKC' } }
    const special = { 'tokenizer.added_tokens.0': addedToken(260, '<|end|>', { normalized: true }) }
    expect(encode(byteLevel, '＜|end|＞', { ...nfkc, ...special })).not.toContain('<|end|>')
    expect(encode(byteLevel, '<|end|>', { ...nfkc, ...special })).toEqual(['<|end|>'])
  })

  it('with the name of a control token stays text where text is to stay text', () => {
    const tokenizer = make(byteLevel, withToken({}, '<|tool|>'))
    const ids = (plain: readonly (readonly [number, number])[]) =>
      tokenizer.encode('<|tool|>', { special: true, addBos: false, plain })
    expect(ids([])).toEqual([261])
    expect(ids([[0, 1]])).not.toContain(261)
    expect(tokenizer.isSpecial(261)).toBe(false)
    expect(tokenizer.specialTokens.get('<|tool|>')).toBe(261)
  })

  it('may stand in tokenizer_config.json alone', () => {
    const further = { 'tokenizerConfig.added_tokens_decoder': { 262: { content: '<|new|>', special: true } } }
    expect(make(byteLevel, further).encode('<|new|>', { special: true, addBos: false })).toEqual([262])
  })
})

describe('around a text', () => {
  it('goes what the post-processor says, changed by tokenizer_config.json', () => {
    expect(make(sentencePiece)).toMatchObject({ before: [1], after: [2], bosId: 1, addsBos: true })
    expect(make(sentencePiece, { 'tokenizerConfig.add_bos_token': false })).toMatchObject({
      before: [],
      after: [2],
    })
    expect(make(sentencePiece, { 'tokenizerConfig.add_eos_token': false })).toMatchObject({
      before: [1],
      after: [],
    })
    const none = { 'tokenizer.post_processor': null }
    expect(make(sentencePiece, none)).toMatchObject({ before: [1], after: [] })
    expect(make(sentencePiece, { ...none, 'tokenizerConfig.add_eos_token': true }).after).toEqual([2])
    expect(make(wordPiece)).toMatchObject({ before: [2], after: [3] })
    expect(make(unigram)).toMatchObject({ before: [0], after: [1] })
  })

  it('goes it only where it is wanted', () => {
    const tokenizer = make(wordPiece)
    expect(tokenizer.encode('hello', { special: true, addBos: false })).toEqual([4])
    expect(tokenizer.encode('hello', { special: true, addBos: true, addEos: true })).toEqual([2, 4, 3])
  })
})

describe('tokens that end an answer', () => {
  it('are those of all the files, and those named so', () => {
    const none = { 'config.eos_token_id': null, 'generationConfig.eos_token_id': null }
    expect(make(sentencePiece, none).eosIds).toEqual([2])
    expect(make(sentencePiece, { ...none, 'generationConfig.eos_token_id': [7, 9] }).eosIds).toEqual([
      2, 7, 9,
    ])
    expect(make(sentencePiece, { ...none, 'config.eos_token_id': 8 }).eosIds).toEqual([2, 8])
    expect(make(sentencePiece, { ...none, 'config.text_config': { eos_token_id: 8 } }).eosIds).toEqual([2, 8])
    const named = { ...none, 'tokenizer.added_tokens.1': addedToken(261, '<|eot_id|>') }
    expect(make(byteLevel, named).eosIds).toEqual([260, 261])
  })

  it('and the one that begins it are found in config.json where tokenizer_config.json is missing', () => {
    const tokenizer = make(sentencePiece, {
      tokenizerConfig: null,
      generationConfig: null,
      'config.eos_token_id': 2,
    })
    expect(tokenizer).toMatchObject({ bosId: 1, eosIds: [2] })
  })
})

describe('text that a vocabulary lacks', () => {
  it('is spelled in bytes, is unknown, or is left out', () => {
    expect(encode(sentencePiece, 'é').length).toBe(3)
    const noBytes = { 'tokenizer.model.byte_fallback': false }
    expect(encode(sentencePiece, 'éé', noBytes)).toEqual([' ', '<unk>'])
    expect(encode(sentencePiece, 'éé', { ...noBytes, 'tokenizer.model.fuse_unk': false })).toEqual([
      ' ',
      '<unk>',
      '<unk>',
    ])
    const left = { ...noBytes, 'tokenizer.model.unk_token': null }
    expect(encode(sentencePiece, 'hééello', left)).toEqual([' hello'])
    expect(encode(unigram, '中文b 中')).toEqual([' ', '<unk>', 'b', ' ', '<unk>'])
    expect(encode(wordPiece, `hello ${'a'.repeat(101)} zz`)).toEqual([' hello', ' [UNK]', ' [UNK]'])
  })
})

describe('a model', () => {
  it('cuts words as its kind does', () => {
    expect(encode(byteLevel, 'hello helo')).toEqual(['hello', ' ', 'he', 'l', 'o'])
    expect(encode(sentencePiece, 'hello hell')).toEqual([' hello', ' hel', 'l'])
    expect(encode(unigram, 'Hello hell A')).toEqual([' ', '<unk>', 'e', 'll', 'o', ' he', 'll', ' ', 'a'])
    expect(encode(wordPiece, 'HELLO, héllo中ab.')).toEqual([' hello', ',', ' hello', ' 中', ' a', 'b', '.'])
  })

  it('may have tokens with spaces in its merges', () => {
    const spaces = {
      'tokenizer.normalizer': null,
      'tokenizer.model.vocab': { '<unk>': 0, '<s>': 1, '</s>': 2, a: 3, ' ': 4, 'a ': 5, 'a  ': 6 },
      'tokenizer.model.merges': [
        ['a', ' '],
        ['a ', ' '],
      ],
    }
    expect(encode(sentencePiece, 'a  a ', spaces)).toEqual(['a  ', 'a '])
  })
})
