import { byteLevelText } from './byte-table'
import type { JsonField } from './json-field'
import { BEHAVIORS, type Behavior, readPattern, SPACE, splitText } from './text-pattern'
import { malformed, unsupported } from './tokenizer-errors'

/** Cuts a text into the words that the model encodes one by one. `atStart`: nothing stands before it. */
export type PreTokenizer = (text: string, atStart: boolean) => string[]

const PUNCTUATION = '\\p{P}!-\\/:-@[-`{-~'
const spaces = new RegExp(SPACE, 'gu')
const punctuation = new RegExp(`[${PUNCTUATION}]`, 'gu')
const bertWords = new RegExp(`[${PUNCTUATION}]|[^${SPACE}${PUNCTUATION}]+`, 'gu')
const gpt2Words = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|${SPACE}+(?![^${SPACE}])|${SPACE}+`,
  'gu',
)
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}'
const wordsAndSigns = new RegExp(`[${WORD}]+|[^${WORD}${SPACE}]+`, 'gu')

/** The `pre_tokenizer` of a tokenizer.json; null cuts nothing. Throws OctavoError where a part of it is not known. */
export function readPreTokenizer(field: JsonField): PreTokenizer {
  if (field.missing) return (text) => [text]
  const type = field.at('type').string()
  switch (type) {
    case 'Sequence':
      return sequence(field.at('pretokenizers').items().map(readPreTokenizer))
    case 'Split': {
      const pattern = readPattern(field.at('pattern'))
      const behavior = readBehavior(field.at('behavior'))
      const invert = field.at('invert').boolean(false)
      return (text) => splitText(text, pattern, behavior, invert)
    }
    case 'ByteLevel': {
      const prefix = field.at('add_prefix_space').boolean(true)
      const cuts = field.at('use_regex').boolean(true)
      return (text) => {
        const whole = prefix && !text.startsWith(' ') ? ` ${text}` : text
        return (cuts ? (whole.match(gpt2Words) ?? []) : [whole]).map(byteLevelText)
      }
    }
    case 'Digits': {
      const behavior = field.at('individual_digits').boolean(false) ? 'Isolated' : 'Contiguous'
      return (text) => splitText(text, /\p{N}/gu, behavior)
    }
    case 'Punctuation': {
      const behavior = readBehavior(field.at('behavior'), 'Isolated')
      return (text) => splitText(text, punctuation, behavior)
    }
    case 'Metaspace':
      return metaspace(field)
    case 'Whitespace':
      return (text) => text.match(wordsAndSigns) ?? []
    case 'WhitespaceSplit':
      return (text) => splitText(text, spaces, 'Removed')
    case 'BertPreTokenizer':
      return (text) => text.match(bertWords) ?? []
    default:
      throw unsupported(`pre-tokenizer '${type.slice(0, 60)}' (${field.path})`)
  }
}

function sequence(steps: readonly PreTokenizer[]): PreTokenizer {
  return (text, atStart) => {
    let pieces = [text]
    for (const step of steps) {
      // A first piece with which the text does not begin has had something in front of it that was taken away.
      pieces = pieces.flatMap((piece, i) => step(piece, atStart && i === 0 && text.startsWith(piece)))
    }
    return pieces
  }
}

function readBehavior(field: JsonField, fallback?: Behavior): Behavior {
  const name = field.string(fallback)
  const behavior = BEHAVIORS.find((known) => known === name)
  if (behavior === undefined) throw unsupported(`behavior '${name.slice(0, 60)}' (${field.path})`)
  return behavior
}

const SCHEMES = ['always', 'first', 'never'] as const

/** When Metaspace puts a space in front of a text. Old files have `add_prefix_space` instead. */
export function prependScheme(field: JsonField): (typeof SCHEMES)[number] {
  const fallback = field.at('add_prefix_space').boolean(true) ? 'always' : 'never'
  const name = field.at('prepend_scheme').string(fallback)
  const scheme = SCHEMES.find((known) => known === name)
  if (scheme === undefined) throw unsupported(`prepend_scheme '${name.slice(0, 60)}' (${field.path})`)
  return scheme
}

/** The one character that stands for a space, U+2581 as a rule. */
export function spaceCharacter(field: JsonField): string {
  const replacement = field.at('replacement').string('▁')
  if ([...replacement].length !== 1) throw malformed(`${field.path}.replacement must be one character`)
  return replacement
}

function metaspace(field: JsonField): PreTokenizer {
  const replacement = spaceCharacter(field)
  const scheme = prependScheme(field)
  const cuts = field.at('split').boolean(true)
  return (text, atStart) => {
    const spelled = text.replaceAll(' ', () => replacement)
    const prepends = scheme === 'always' || (scheme === 'first' && atStart)
    const whole = prepends && !spelled.startsWith(replacement) ? replacement + spelled : spelled
    return cuts ? cutBefore(whole, replacement) : [whole]
  }
}

function cutBefore(text: string, mark: string): string[] {
  const pieces: string[] = []
  for (let start = 0; start < text.length; ) {
    const next = text.indexOf(mark, start + 1)
    const end = next < 0 ? text.length : next
    pieces.push(text.slice(start, end))
    start = end
  }
  return pieces
}
