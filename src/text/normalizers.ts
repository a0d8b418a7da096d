import { byteLevelText } from './byte-table'
import { parseCharsmap } from './charsmap'
import type { JsonField } from './json-field'
import { readPattern, SPACE } from './text-pattern'
import { malformed, unsupported } from './tokenizer-errors'

/** Rewrites a text before it is cut. */
export type Normalizer = (text: string) => string

const MAX_INSERTED = 64
/** How many times as long a text may become. Compatibility forms (NFKD) make 18 characters of one. */
const MAX_GROWTH = 20

/** The `normalizer` of a tokenizer.json; null changes nothing. Throws OctavoError where a part of it is not known. */
export function readNormalizer(field: JsonField): Normalizer {
  if (field.missing) return (text) => text
  const type = field.at('type').string()
  switch (type) {
    case 'Sequence': {
      const steps = field.at('normalizers').items().map(readNormalizer)
      return (text) =>
        steps.reduce((changed, step) => {
          const next = step(changed)
          if (next.length <= MAX_GROWTH * text.length + 1000) return next
          throw malformed(`${field.path} makes a text more than ${MAX_GROWTH} times as long`)
        }, text)
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => text.normalize(type)
    case 'Lowercase':
      return lowercase
    case 'Strip':
      return strip(field.at('strip_left').boolean(true), field.at('strip_right').boolean(true))
    case 'StripAccents':
      return (text) => text.replace(/\p{M}/gu, '')
    case 'Replace': {
      const pattern = readPattern(field.at('pattern'))
      const content = inserted(field.at('content'))
      return (text) => text.replace(pattern, () => content)
    }
    case 'Prepend': {
      const prefix = inserted(field.at('prepend'))
      return (text) => (text === '' ? '' : prefix + text)
    }
    case 'Precompiled':
      return parseCharsmap(decodeBase64(field.at('precompiled_charsmap')), field.path)
    case 'BertNormalizer': {
      const lowercases = field.at('lowercase').boolean(true)
      return bertNormalizer({
        cleans: field.at('clean_text').boolean(true),
        spacesChinese: field.at('handle_chinese_chars').boolean(true),
        stripsAccents: field.at('strip_accents').boolean(lowercases),
        lowercases,
      })
    }
    case 'Nmt':
      return nmt
    case 'ByteLevel':
      return byteLevelText
    default:
      throw unsupported(`normalizer '${type.slice(0, 60)}' (${field.path})`)
  }
}

/** A text that is put in at many places; a long one would let a small file fill the memory. */
function inserted(field: JsonField): string {
  const text = field.string()
  if (text.length > MAX_INSERTED) throw malformed(`${field.path} is longer than ${MAX_INSERTED} characters`)
  return text
}

function decodeBase64(field: JsonField): Uint8Array {
  try {
    return Uint8Array.from(atob(field.string()), (char) => char.charCodeAt(0))
  } catch (error) {
    if (error instanceof DOMException) throw malformed(`${field.path} is not base64`)
    throw error
  }
}

/** Letter by letter, as Rust's: JavaScript alone makes a Σ at a word's end ς. */
function lowercase(text: string): string {
  const lower = (part: string) => part.toLowerCase()
  return text.includes('Σ') ? text.split('Σ').map(lower).join('σ') : lower(text)
}

function strip(left: boolean, right: boolean): Normalizer {
  const atStart = new RegExp(`^${SPACE}+`, 'u')
  return (text) => {
    const rest = left ? text.replace(atStart, '') : text
    if (!right) return rest
    let end = rest.length
    while (end > 0 && /\p{White_Space}/u.test(rest[end - 1]!)) end--
    return rest.slice(0, end)
  }
}

/** SentencePiece's rules for machine translation: what is no text goes, what separates becomes a space. */
function nmt(text: string): string {
  return text
    .replace(NMT_REMOVED, '')
    .replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, ' ')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it removes.
const NMT_REMOVED = /[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g

export interface BertRules {
  readonly cleans: boolean
  readonly spacesChinese: boolean
  readonly stripsAccents: boolean
  readonly lowercases: boolean
}

const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu

/** BERT's basic tokenizer up to its words (Devlin et al. 2019), as Hugging Face has it. */
export function bertNormalizer(rules: BertRules): Normalizer {
  return (given) => {
    let text = given
    if (rules.cleans) {
      text = text
        .replace(/(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\ufffd]/gu, '')
        .replace(/\p{White_Space}/gu, ' ')
    }
    if (rules.spacesChinese) text = text.replace(CHINESE, ' $& ')
    if (rules.stripsAccents) text = text.normalize('NFD').replace(/\p{Mn}/gu, '')
    return rules.lowercases ? lowercase(text) : text
  }
}
