/** How a gpt2-style tokenizer cuts a text before it merges, as the families' own tokenizer.json files say it. */
export interface PreTokenizerFamily {
  /** Unicode normal form C first. */
  readonly nfc: boolean
  /** The steps, in tokenizer.json's words. */
  readonly steps: readonly PreTokenizerStep[]
  /** A piece that is a token as a whole is taken as that token. */
  readonly ignoreMerges: boolean
  /** Whether BOS goes in front, and the separator behind, where the file does not say. */
  readonly addsBos: boolean
  readonly addsSep: boolean
}

type PreTokenizerStep =
  | { type: 'Split'; pattern: { Regex: string }; behavior: 'Isolated' }
  | { type: 'Punctuation'; behavior: 'Contiguous' }
  | { type: 'Digits'; individual_digits: boolean }
  | { type: 'ByteLevel'; add_prefix_space: false; use_regex: boolean }

function split(regex: string): PreTokenizerStep {
  return { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated' }
}

const CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const TRAILING_SPACE = '\\s+(?!\\S)|\\s+'
const LINES = '\\s*[\\r\\n]+'
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]'
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'
const LEAD = '[^\\r\\n\\p{L}\\p{N}]?'

/** GPT-2's words, as bytes. */
const GPT2: PreTokenizerStep = { type: 'ByteLevel', add_prefix_space: false, use_regex: true }
const BYTES: PreTokenizerStep = { type: 'ByteLevel', add_prefix_space: false, use_regex: false }
const EACH_NUMBER: PreTokenizerStep = { type: 'Digits', individual_digits: true }
const CJK = split('[一-龥ࠀ-一가-퟿]+')
const SIGNS = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*'

function words(digits: string): PreTokenizerStep {
  return split(`${CONTRACTION}|${LEAD}\\p{L}+|${digits}|${SIGNS}|${LINES}|${TRAILING_SPACE}`)
}

function casedWords(ending: string, digits: string): PreTokenizerStep {
  return split(
    `${LEAD}${UPPER}*${LOWER}+${ending}|${LEAD}${UPPER}+${LOWER}*${ending}|${digits}` +
      `| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${LINES}|${TRAILING_SPACE}`,
  )
}

function family(
  steps: readonly PreTokenizerStep[],
  flags: Partial<Omit<PreTokenizerFamily, 'steps'>> = {},
): PreTokenizerFamily {
  return { nfc: false, ignoreMerges: false, addsBos: false, addsSep: false, ...flags, steps }
}

const gpt2 = family([GPT2])
const singleDigits = family([EACH_NUMBER, GPT2])
const llama3 = family([words('\\p{N}{1,3}'), BYTES], { ignoreMerges: true, addsBos: true })
const threeDigits = family([words('\\p{N}{1,3}'), BYTES])
const qwen2 = family([words('\\p{N}'), BYTES], { nfc: true })
const gpt4o = family([casedWords(`${CONTRACTION}?`, '\\p{N}{1,3}'), BYTES], { ignoreMerges: true })
const deepseekV3 = family([
  split('\\p{N}{1,3}'),
  split('[一-龥぀-ゟ゠-ヿ]+'),
  split(
    '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+' +
      `| ?[\\p{P}\\p{S}]+[\\r\\n]*|${LINES}|${TRAILING_SPACE}`,
  ),
  BYTES,
])
const bloom = family([split(' ?[^(\\s|.,!?…。，、।۔،)]+'), BYTES])

/** By the names in `tokenizer.ggml.pre`. */
const FAMILIES: ReadonlyMap<string, PreTokenizerFamily> = new Map(
  (
    [
      [
        'default gpt-2 phi-2 gigachat jina-es jina-de jina-v2-es jina-v2-de jais trillion exaone4 granite-docling',
        gpt2,
      ],
      ['jina-v1-en jina-v2-code roberta-bpe', { ...gpt2, addsSep: true }],
      ['mpt olmo', { ...gpt2, nfc: true }],
      ['smollm starcoder refact codeshell exaone minerva-7b', singleDigits],
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
      ['llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2', llama3],
      ['dbrx smaug-bpe glm4 chatglm-bpe', threeDigits],
      ['qwen2 deepseek-r1-qwen megrez', qwen2],
      ['stablelm2 hunyuan', { ...qwen2, nfc: false }],
      [
        'qwen35',
        family(
          [
            split(
              `${CONTRACTION}|${LEAD}[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${LINES}|${TRAILING_SPACE}`,
            ),
            BYTES,
          ],
          { nfc: true },
        ),
      ],
      ['tekken', family([casedWords('', '\\p{N}'), BYTES], { ignoreMerges: true, addsBos: true })],
      ['gpt-4o llama4 kanana2 minimax-m2', gpt4o],
      ['bloom gpt3-finnish poro-chat', bloom],
      ['viking', family([split(' ?[^(\\s|.,!?…。，、।۔،)]+'), split('\\p{N}'), BYTES])],
      ['superbpe', family([split('\\p{N}+'), split('(?=(?:\\d{3})+(?!\\d))'), BYTES])],
      [
        'seed-coder',
        family([
          split(
            `${CONTRACTION}|${LEAD}\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${LINES}|${TRAILING_SPACE}`,
          ),
          BYTES,
        ]),
      ],
      [
        'bailingmoe bailingmoe2 llada-moe',
        family([
          split(`'(?i:[sdmt]|ll|ve|re)|${LEAD}\\p{L}+|\\p{N}|${SIGNS}|\\s*[\\r\\n]|${TRAILING_SPACE}`),
          BYTES,
        ]),
      ],
      [
        'deepseek-coder',
        family([split('[\\r\\n]'), split('\\s?\\p{L}+'), split('\\s?\\p{P}+'), CJK, EACH_NUMBER, BYTES]),
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
          BYTES,
        ]),
      ],
      ['deepseek-v3 hunyuan-dense joyai-llm', deepseekV3],
    ] satisfies [string, PreTokenizerFamily][]
  ).flatMap(([names, each]) => names.split(' ').map((name) => [name, each] as const)),
)

export function isPreTokenizer(name: string): boolean {
  return FAMILIES.has(name)
}

/** The family of a name that `isPreTokenizer` knows. */
export function preTokenizerFamily(name: string): PreTokenizerFamily {
  return FAMILIES.get(name) ?? gpt2
}
