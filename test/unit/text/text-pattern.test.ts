import { describe, expect, it } from 'vitest'
import { JsonField } from '../../../src/text/json-field'
import { readPreTokenizer } from '../../../src/text/pre-tokenizer-steps'
import { type Behavior, mayExplode, splitText } from '../../../src/text/text-pattern'

describe('a text cut by a pattern', () => {
  const cut = (behavior: Behavior, invert = false) => splitText('a--b-c-', /-/gu, behavior, invert)

  it('keeps what matches as Rust’s tokenizers do', () => {
    expect(cut('Removed')).toEqual(['a', 'b', 'c'])
    expect(cut('Isolated')).toEqual(['a', '-', '-', 'b', '-', 'c', '-'])
    expect(cut('Contiguous')).toEqual(['a', '--', 'b', '-', 'c', '-'])
    expect(cut('MergedWithPrevious')).toEqual(['a-', '-', 'b-', 'c-'])
    expect(cut('MergedWithNext')).toEqual(['a', '-', '-b', '-c', '-'])
  })

  it('keeps what lies between where the pattern is inverted', () => {
    expect(cut('Removed', true)).toEqual(['-', '-', '-', '-'])
    expect(cut('MergedWithPrevious', true)).toEqual(['a', '-', '-b', '-c', '-'])
  })

  it('is cut where nothing but a place matches', () => {
    expect(splitText('12345', /(?=(?:\d{3})+(?!\d))/gu, 'Isolated')).toEqual(['12', '345'])
  })
})

describe('a regular expression of a file', () => {
  it.each([
    '(a+)+$',
    '(a*)*b',
    '(a|a)*b',
    '(a|ab|b)+c',
    '(?:a?){50}',
    '(?:a{1,9}){1,9}b',
    '((a+)b?)+',
    'a*a*a*a*a*b',
    '(x*)\\1',
    'a{2,}+',
    'a'.repeat(9000),
    '[unfinished',
    '(a',
    'a)',
  ])('is refused where it could take for ever, or is none: %s', (source) => {
    expect(mayExplode(source)).toBe(true)
    const field = new JsonField({ type: 'Split', pattern: { Regex: source }, behavior: 'Isolated' }, 'p')
    expect(() => readPreTokenizer(field)).toThrow('regular expression at p.pattern.Regex')
  })

  it.each([
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{M}&&[^\\p{Han}]]*[\\p{Ll}\\p{M}&&[^\\p{Han}]]+(?i:'s|'d)?",
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]",
    '(?=(\\d{3})+(?!\\d))',
    '\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s+',
    ' ?[^(\\s|[.,!?…。，、।۔،])]+',
    '[]a]+x|[^]]',
  ])('is taken where it is as the families have it: %s', (source) => {
    expect(mayExplode(source)).toBe(false)
    const field = new JsonField({ type: 'Split', pattern: { Regex: source }, behavior: 'Isolated' }, 'p')
    expect(readPreTokenizer(field)('it’s 1234 words, 漢字 and\n\n more', true).join('')).toContain(
      '1234 words',
    )
  })
})

describe('a pre-tokenizer', () => {
  const cut = (config: object, text: string, atStart = true) =>
    readPreTokenizer(new JsonField(config, 'pre_tokenizer'))(text, atStart)

  it('puts a space in front as its scheme says', () => {
    const metaspace = (scheme: string, text: string, atStart = true) =>
      cut({ type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split: true }, text, atStart)
    expect(metaspace('always', 'a b', false)).toEqual(['▁a', '▁b'])
    expect(metaspace('first', 'a b')).toEqual(['▁a', '▁b'])
    expect(metaspace('first', 'a b', false)).toEqual(['a', '▁b'])
    expect(metaspace('never', 'a b')).toEqual(['a', '▁b'])
    expect(metaspace('always', ' a')).toEqual(['▁a'])
    expect(cut({ type: 'Metaspace', split: false, add_prefix_space: false }, 'a b')).toEqual(['a▁b'])
  })

  it('takes only the first word for the first', () => {
    const steps = [{ type: 'WhitespaceSplit' }, { type: 'Metaspace', prepend_scheme: 'first' }]
    expect(cut({ type: 'Sequence', pretokenizers: steps }, 'a b')).toEqual(['▁a', 'b'])
    expect(cut({ type: 'Sequence', pretokenizers: steps }, ' a b')).toEqual(['a', 'b'])
  })

  it('knows numbers, signs and white space as Rust does', () => {
    expect(cut({ type: 'Digits', individual_digits: true }, 'a1½Ⅷ')).toEqual(['a', '1', '½', 'Ⅷ'])
    expect(cut({ type: 'Digits' }, 'a12b')).toEqual(['a', '12', 'b'])
    expect(cut({ type: 'Punctuation' }, 'a$,b')).toEqual(['a', '$', ',', 'b'])
    expect(cut({ type: 'Punctuation', behavior: 'Contiguous' }, 'a$,b')).toEqual(['a', '$,', 'b'])
    expect(cut({ type: 'WhitespaceSplit' }, 'a\u0085b\ufeffc')).toEqual(['a', 'b\ufeffc'])
    expect(cut({ type: 'Whitespace' }, 'hé_1!? x')).toEqual(['hé_1', '!?', 'x'])
    expect(cut({ type: 'BertPreTokenizer' }, ' a!b ')).toEqual(['a', '!', 'b'])
  })
})
