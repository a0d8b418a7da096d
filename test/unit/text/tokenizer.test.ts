import { describe, expect, it } from 'vitest'
import { createTokenizer } from '../../../src/text/tokenizer'
import { byteTokenizerMetadata } from './byte-tokenizer'
import {
  goldenTexts,
  goldenUpstream,
  goldenVocabulary,
  goldenVocabularyNames,
  hasAllGoldenData,
} from './golden'
import { encodingDifferences, isKnown, plainDifferences, unused } from './known-differences'

const differences: { family: string; id: string }[] = []
const plainFound: { family: string; id: string }[] = []

describe.each(goldenVocabularyNames())('the tokenizer of %s', (name) => {
  const { metadata, cases, family, withHello } = goldenVocabulary(name)
  const tokenizer = createTokenizer({ metadata })
  const spellsAll = /^(gpt2|llama)$/.test(String(metadata.get('tokenizer.ggml.model')))
  /** Where not all can be spelled, the unknown token may stand for ordinary text. */
  const unknownId = spellsAll ? null : metadata.get('tokenizer.ggml.unknown_token_id')
  const isSpecial = (id: number) => tokenizer.isSpecial(id) && id !== unknownId
  const expected = goldenTexts.map(({ id, text, js }, i) => ({ ...cases[i]!, id, text: js ?? text }))

  it('gives every text the ids of the original', () => {
    const different = expected.filter(({ id, text, hf }) => {
      const ids = tokenizer.encode(text, { special: true, addBos: false })
      if (ids.join() === hf.join()) return false
      differences.push({ family: name, id })
      return !isKnown(encodingDifferences, name, id)
    })
    expect(different).toEqual([])
    expect(expected.length).toBeGreaterThan(180)
  })

  it('reads no special token where special-token text is to stay text', () => {
    const different = expected.filter(({ id, text, hf, llama_cpp_plain }) => {
      const ids = tokenizer.encode(text, { special: false, addBos: false })
      if (ids.some(isSpecial)) return true
      const reference = llama_cpp_plain ?? hf
      // Of a vocabulary without llama.cpp's ids, no reference says how special-token text is spelled.
      if (reference.some(isSpecial) || ids.join() === reference.join()) return false
      plainFound.push({ family: name, id })
      return !isKnown(plainDifferences, name, id)
    })
    expect(different).toEqual([])
  })

  it('puts around a text what the file asks for', () => {
    const { before, after, bosId, addsBos } = tokenizer
    const bare = tokenizer.encode('hello', { special: false, addBos: false })
    const whole = tokenizer.encode('hello', { special: false, addBos: true, addEos: true })
    if (withHello) expect([withHello.hf, withHello.llama_cpp]).toContainEqual(whole)
    expect(whole).toEqual([...before, ...bare, ...after])
    expect(before[0] === bosId).toBe(addsBos)
  })

  const decode = (ids: readonly number[], skipSpecialTokens: boolean) => {
    const detokenizer = tokenizer.detokenizer({ skipSpecialTokens })
    return ids.map((id) => detokenizer.push(id)).join('') + detokenizer.finish()
  }

  // SentencePiece does not keep all: spaces around special tokens come and go, U+2581 becomes a space.
  if (metadata.get('tokenizer.ggml.model') === 'gpt2') {
    it('gives back the text that it encoded, lone surrogates and Unicode normal form but for', () => {
      for (const { text } of goldenTexts) {
        // Falcon has no token for the vertical tab.
        if (name === 'falcon' && text.includes('\v')) continue
        const back = decode(tokenizer.encode(text, { special: true, addBos: false }), false)
        expect(back.normalize('NFC')).toBe(text.normalize('NFC'))
      }
    })
  }

  if (family === null) return
  it('decodes ids to the text of the original, with special tokens and without', () => {
    const reference = family.cases.map(({ id, ids, decoded, decoded_skip }, i) => {
      const text = decoded ?? goldenTexts[i]!.text
      return { id, ids, text, skipped: decoded_skip ?? text }
    })
    const got = family.cases.map(({ id, ids }) => ({
      id,
      ids,
      text: decode(ids, false),
      skipped: decode(ids, true),
    }))
    expect(got).toEqual(reference)
  })
})

describe.each(goldenUpstream())('llama.cpp’s own texts in $name', ({ name, cases }) => {
  it('have the ids of the original', () => {
    const tokenizer = createTokenizer(goldenVocabulary(name))
    const got = cases.map(({ text }) => tokenizer.encode(text, { special: true, addBos: false }))
    expect(got).toEqual(cases.map(({ ids }) => ids))
  })
})

if (hasAllGoldenData)
  describe('the known differences', () => {
    it('are all still there', () => {
      expect(unused(encodingDifferences, differences)).toEqual([])
      expect(unused(plainDifferences, plainFound)).toEqual([])
    })
  })

describe('special tokens', () => {
  const specials = ['<|end|>', '<|end|>more', '<|e']
  const tokenizer = createTokenizer({ metadata: byteTokenizerMetadata({ specials, bos: '<|bos|>' }) })
  const [bos, end, endMore, e] = [256, 257, 258, 259]
  const bytes = (text: string) => [...new TextEncoder().encode(text)]
  const encode = (text: string, plain: readonly (readonly [number, number])[] = []) =>
    tokenizer.encode(text, { special: true, addBos: false, plain })

  it('are found leftmost and longest first', () => {
    expect(encode('a<|end|>moreb')).toEqual([...bytes('a'), endMore, ...bytes('b')])
    expect(encode('<|end|>mor<|bos|>')).toEqual([end, ...bytes('mor'), bos])
    expect(encode('<|<|en')).toEqual([...bytes('<|'), e, ...bytes('n')])
  })

  it('are not read where they touch a span that is to stay text', () => {
    expect(encode('<|end|>x<|end|>', [[8, 9]])).toEqual([end, ...bytes('x<|end|>')])
    expect(encode('<|end|>x<|end|>', [[6, 8]])).toEqual([e, ...bytes('nd|>x'), end])
    expect(encode('x<|end|>', [[0, 1]])).toEqual([...bytes('x'), end])
    expect(encode('<|end|>x', [[7, 8]])).toEqual([end, ...bytes('x')])
    expect(encode('<|end|><|end|>', [[0, 7]])).toEqual([...bytes('<|end|>'), end])
  })

  it('are not read across the end of a span: the rest of one is text too', () => {
    expect(encode('<|end|>', [[0, 1]])).toEqual(bytes('<|end|>'))
    expect(encode('<|end|>', [[6, 7]])).toEqual([e, ...bytes('nd|>')])
  })

  it('keep a text as it is, lone surrogates but for', () => {
    expect(encode('\ud83d x \ude00')).toEqual(bytes('\ufffd x \ufffd'))
    expect(tokenizer.specialTokens.get('<|end|>')).toBe(end)
  })
})

describe('long inputs', () => {
  const length = 200_000
  const inputs = {
    'one letter': 'a'.repeat(length),
    spaces: ' '.repeat(length),
    'line ends': '\n'.repeat(length),
    'starts of special tokens': '<|im_'.repeat(length / 5),
  }
  it.each(['smollm2', 'mistral-v1'])('without spaces take no quadratic time in %s', (name) => {
    const tokenizer = createTokenizer(goldenVocabulary(name))
    for (const text of Object.values(inputs)) {
      const begin = process.cpuUsage()
      const ids = tokenizer.encode(text, { special: true, addBos: false })
      const { user } = process.cpuUsage(begin)
      expect(ids.length).toBeGreaterThan(0)
      // Linear is under a second of the processor's time; quadratic is minutes.
      expect(user / 1e6).toBeLessThan(10)
    }
  })
})
