/** How a gpt2-style tokenizer cuts a text before it merges, as the families' own tokenizer.json files say it. */
export interface PreTokenizer {
  /** Unicode normal form C first. */
  readonly nfc: boolean
  /** The steps, in tokenizer.json's words; the bytes-to-characters step follows. */
  readonly steps: readonly PreTokenizerStep[]
  /** A piece that is a token as a whole is taken as that token. */
  readonly ignoreMerges: boolean
  /** Whether BOS goes in front where the file does not say. */
  readonly addsBos: boolean
}

type PreTokenizerStep =
  | { type: 'Split'; pattern: { Regex: string }; behavior: 'Isolated'; invert: false }
  | { type: 'Punctuation'; behavior: 'Contiguous' }
  | { type: 'Digits'; individual_digits: false }

function split(regex: string): PreTokenizerStep {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }
}

const CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const TRAILING_SPACE = '\\s+(?!\\S)|\\s+'
const LINES = '\\s*[\\r\\n]+'
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
const LEAD = '[^\\r\\n\\p{L}\\p{N}]?'

const GPT2 = split(`'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|${TRAILING_SPACE}`)
/** One number character at a time. The library's own Digits step knows only what JavaScript's \d matches. */
const EACH_NUMBER = split('\\p{N}')
const CJK = split('[一-龥ࠀ-一가-퟿]+')

function words(digits: string): PreTokenizerStep {
  return split(
    `${CONTRACTION}|${LEAD}\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${LINES}|${TRAILING_SPACE}`,
  )
}

function casedWords(ending: string, digits: string): PreTokenizerStep {
  return split(
    `${LEAD}${UPPER}*${LOWER}+${ending}|${LEAD}${UPPER}+${LOWER}*${ending}|${digits}` +
      `| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${LINES}|${TRAILING_SPACE}`,
  )
}

function family(
  steps: readonly PreTokenizerStep[],
  flags: Partial<Omit<PreTokenizer, 'steps'>> = {},
): PreTokenizer {
  return { nfc: false, ignoreMerges: false, addsBos: false, ...flags, steps }
}

const gpt2 = family([GPT2])
const gpt2Nfc = family([GPT2], { nfc: true })
const singleDigits = family([EACH_NUMBER, GPT2])
const llama3 = family([words('\\p{N}{1,3}')], { ignoreMerges: true, addsBos: true })
const threeDigits = family([words('\\p{N}{1,3}')])
const qwen2 = family([words('\\p{N}')], { nfc: true })
const gpt4o = family([casedWords(`${CONTRACTION}?`, '\\p{N}{1,3}')], { ignoreMerges: true })
const deepseekV3 = family([
  split('\\p{N}{1,3}'),
  split('[一-龥぀-ゟ゠-ヿ]+'),
  split(
    '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+' +
      `| ?[\\p{P}\\p{S}]+[\\r\\n]*|${LINES}|${TRAILING_SPACE}`,
  ),
])

/** By the name in `tokenizer.ggml.pre`. */
const FAMILIES: ReadonlyMap<string, PreTokenizer> = new Map([
  ['default', gpt2],
  ['gpt-2', gpt2],
  ['phi-2', gpt2],
  ['granite-docling', gpt2],
  ['mpt', gpt2Nfc],
  ['olmo', gpt2Nfc],
  ['smollm', singleDigits],
  ['starcoder', singleDigits],
  ['refact', singleDigits],
  ['codeshell', singleDigits],
  ['command-r', { ...singleDigits, nfc: true }],
  [
    'falcon',
    family([
      { type: 'Punctuation', behavior: 'Contiguous' },
      GPT2,
      { type: 'Digits', individual_digits: false },
      split('[0-9][0-9][0-9]'),
    ]),
  ],
  ['llama3', llama3],
  ['llama-v3', llama3],
  ['llama-bpe', llama3],
  ['falcon3', llama3],
  ['lfm2', llama3],
  ['dbrx', threeDigits],
  ['smaug-bpe', threeDigits],
  ['glm4', threeDigits],
  ['chatglm-bpe', threeDigits],
  ['qwen2', qwen2],
  ['deepseek-r1-qwen', qwen2],
  [
    'qwen35',
    family(
      [
        split(
          `${CONTRACTION}|${LEAD}[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${LINES}|${TRAILING_SPACE}`,
        ),
      ],
      { nfc: true },
    ),
  ],
  ['tekken', family([casedWords('', '\\p{N}')], { ignoreMerges: true, addsBos: true })],
  ['gpt-4o', gpt4o],
  ['llama4', gpt4o],
  [
    'deepseek-coder',
    family([split('[\\r\\n]'), split('\\s?\\p{L}+'), split('\\s?\\p{P}+'), CJK, EACH_NUMBER]),
  ],
  [
    'deepseek-llm',
    family([
      split('[\\r\\n]'),
      split('\\s?[\\p{Lu}\\p{Ll}\\p{Lt}]+'),
      split('\\s?[!-/:-~！-／：-～‘-‟　-。]+'),
      split('\\s+$'),
      CJK,
      EACH_NUMBER,
    ]),
  ],
  ['deepseek-v3', deepseekV3],
  ['hunyuan-dense', deepseekV3],
])

export function isPreTokenizer(name: string): boolean {
  return FAMILIES.has(name)
}

/** The pre-tokenizer of a name that `isPreTokenizer` knows. */
export function preTokenizer(name: string): PreTokenizer {
  return FAMILIES.get(name) ?? gpt2
}
