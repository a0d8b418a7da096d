import { byteLevelBytes } from './byte-table'
import type { JsonField } from './json-field'
import { prependScheme, spaceCharacter } from './pre-tokenizer-steps'
import { readPattern } from './text-pattern'
import { malformed, unsupported } from './tokenizer-errors'

/** What a token is in a text. `first`: nothing comes before it. */
type TokenText = (token: string, first: boolean) => string

/** How tokens become text again, token by token: whatever would need more than one token at once is refused. */
export interface Decoder {
  /** Bytes of a token that is no byte token. `added`: one of the tokens that are looked for in the text first. */
  bytes(token: string, first: boolean, added: boolean): Uint8Array
  /** `<0x0A>` and its like are bytes. */
  readonly hasByteTokens: boolean
  /** What is taken away from the very start of a text, and how many times at most. */
  readonly dropsAtStart: { readonly text: string; readonly times: number }
}

const NOTHING = { text: ' ', times: 0 }
const encoder = new TextEncoder()

function textDecoder(toText: TokenText, parts: Partial<Omit<Decoder, 'bytes'>> = {}): Decoder {
  return {
    bytes: (token, first) => encoder.encode(toText(token, first)),
    hasByteTokens: false,
    dropsAtStart: NOTHING,
    ...parts,
  }
}

export const byteLevelDecoder: Decoder = {
  ...textDecoder((token) => token),
  bytes: (token, _first, added) => (added ? encoder.encode(token) : byteLevelBytes(token)),
}

/** SentencePiece's BPE: U+2581 is a space, and the one at the start was put there. */
export function sentencePieceDecoder(dropsFirstSpace: boolean): Decoder {
  return textDecoder((token) => token.replaceAll('▁', ' '), {
    hasByteTokens: true,
    dropsAtStart: { text: ' ', times: dropsFirstSpace ? 1 : 0 },
  })
}

/** The space character is a space, but for the first token, which has none. */
export function metaspaceDecoder(replacement: string, prepends: boolean): Decoder {
  return textDecoder((token, first) => token.replaceAll(replacement, () => (first && prepends ? '' : ' ')), {
    hasByteTokens: true,
  })
}

export function wordPieceDecoder(prefix: string, cleansUp: boolean): Decoder {
  return textDecoder((token, first) => {
    const inWord = prefix !== '' && token.startsWith(prefix)
    const text = first ? token : inWord ? token.slice(prefix.length) : ` ${token}`
    return cleansUp ? cleanedUp(text) : text
  })
}

/** No space before signs and endings of words. */
function cleanedUp(text: string): string {
  return CLEAN_UP.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), text)
}

const CLEAN_UP: readonly (readonly [from: string, to: string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [' do not', " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
]

/** The `decoder` of a tokenizer.json; null puts a space between tokens. Throws OctavoError where a part is not known. */
export function readDecoder(field: JsonField): Decoder {
  if (field.missing) return textDecoder((token, first) => (first ? token : ` ${token}`))
  const type = field.at('type').string()
  switch (type) {
    case 'ByteLevel':
      return byteLevelDecoder
    case 'Metaspace':
      return {
        ...metaspaceDecoder(spaceCharacter(field), prependScheme(field) !== 'never'),
        hasByteTokens: false,
      }
    case 'WordPiece':
      return wordPieceDecoder(field.at('prefix').string('##'), field.at('cleanup').boolean(true))
    case 'Sequence':
      return sequence(field)
    default:
      return sequenceOf([field])
  }
}

function sequence(field: JsonField): Decoder {
  const steps = field.at('decoders').items()
  const only = steps.length === 1 ? steps[0] : undefined
  return only ? readDecoder(only) : sequenceOf(steps)
}

function sequenceOf(steps: readonly JsonField[]): Decoder {
  const texts: TokenText[] = []
  let hasByteTokens = false
  let isFused = false
  let dropsAtStart = NOTHING
  for (const step of steps) {
    const type = step.at('type').string()
    if (type === 'ByteFallback') hasByteTokens = true
    else if (type === 'Fuse') isFused = true
    else if (type === 'Strip') {
      const text = step.at('content').string()
      if ([...text].length !== 1) throw malformed(`${step.path}.content must be one character`)
      const start = step.at('start').integer(1000)
      const stop = step.at('stop').integer(1000)
      if (!isFused) texts.push((token) => stripped(token, text, start, stop))
      else if (stop > 0 || dropsAtStart.times > 0)
        throw unsupported(`decoder 'Strip' at a text's end (${step.path})`)
      else dropsAtStart = { text, times: start }
    } else if (isFused) {
      throw unsupported(`decoder '${type.slice(0, 60)}' after Fuse (${step.path})`)
    } else if (type === 'Replace') {
      const pattern = readPattern(step.at('pattern'))
      const content = step.at('content').string()
      // Each could make 64 characters of one.
      if (content.length > 64 || texts.length > 2) throw malformed(`${step.path} makes too much of a token`)
      texts.push((token) => token.replace(pattern, () => content))
    } else if (type === 'Metaspace') {
      const replacement = spaceCharacter(step)
      const prepends = prependScheme(step) !== 'never'
      texts.push((token, first) => token.replaceAll(replacement, () => (first && prepends ? '' : ' ')))
    } else throw unsupported(`decoder '${type.slice(0, 60)}' (${step.path})`)
  }
  return textDecoder((token, first) => texts.reduce((text, step) => step(text, first), token), {
    hasByteTokens,
    dropsAtStart,
  })
}

function stripped(token: string, character: string, start: number, stop: number): string {
  let text = token
  for (let i = 0; i < start && text.startsWith(character); i++) text = text.slice(character.length)
  for (let i = 0; i < stop && text.endsWith(character); i++) text = text.slice(0, -character.length)
  return text
}
