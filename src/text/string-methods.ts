import { callable, LIMITS, TemplateLimitError, textOf, type Value } from './jinja-values'

/** Python's white space: JavaScript's without U+FEFF and with U+0085. */
const SPACE = /(?!\ufeff)\s|\u0085/

type Side = 'left' | 'right' | 'both'

/** Python's `strip`: white space, or the characters of `chars`, at the given side. */
export function strip(string: string, chars: string | null = null, side: Side = 'both'): string {
  const drops = (character: string) =>
    chars === null ? SPACE.test(character) : chars !== '' && chars.includes(character)
  const characters = Array.from(string)
  let from = 0
  let to = characters.length
  while (side !== 'right' && from < to && drops(characters[from]!)) from++
  while (side !== 'left' && to > from && drops(characters[to - 1]!)) to--
  return characters.slice(from, to).join('')
}

/** Python's `replace`; refused where the result would be longer than a template's texts may be. */
export function replaceText(string: string, old: string, by: string, count: number | null = null): string {
  const pieces = old === '' ? ['', ...Array.from(string), ''] : string.split(old)
  const turns = count === null || count < 0 ? pieces.length - 1 : Math.min(count, pieces.length - 1)
  checkLength(string.length + turns * by.length)
  const replaced = pieces.slice(0, turns + 1).join(by)
  return [replaced, ...pieces.slice(turns + 1)].join(old)
}

/** Python's `*` of a text. */
export function repeatText(string: string, times: number): string {
  checkLength(string.length * times)
  return string.repeat(Math.max(0, times))
}

function checkLength(characters: number): void {
  if (characters > LIMITS.characters)
    throw new TemplateLimitError(`it makes a text of more than ${LIMITS.characters} characters`)
}

/** Splits off `most` parts at the right, all where it is negative. */
function splitRight(string: string, separator: string, most = -1): string[] {
  if (typeof separator !== 'string' || separator === '') throw new Error('rsplit() needs a separator')
  const parts = string.split(separator)
  const kept = most < 0 ? 1 : Math.max(1, parts.length - most)
  return [parts.slice(0, kept).join(separator), ...parts.slice(kept)]
}

/** Python's `join`; refused where the result would be too long. */
export function joinTexts(separator: string, texts: readonly string[]): string {
  checkLength(texts.reduce((sum, { length }) => sum + length + separator.length, 0))
  return texts.join(separator)
}

function joinValues(separator: string, items: readonly Value[]): string {
  const texts = items.map(textOf)
  if (texts.includes(null)) throw new Error('join() takes texts only')
  return joinTexts(separator, texts as string[])
}

/** Python's methods of texts that the library lacks or has otherwise; an absent argument is undefined or null. */
const METHODS = {
  strip: (string: string, chars?: string | null) => strip(string, chars),
  lstrip: (string: string, chars?: string | null) => strip(string, chars, 'left'),
  rstrip: (string: string, chars?: string | null) => strip(string, chars, 'right'),
  rsplit: splitRight,
  join: joinValues,
  capitalize: (string: string) => capitalize(string),
  find: (string: string, part: string) => codePoints(string, string.indexOf(part)),
  rfind: (string: string, part: string) => codePoints(string, string.lastIndexOf(part)),
  count: (string: string, part: string) => string.split(part).length - 1,
  removeprefix: (string: string, part: string) =>
    string.startsWith(part) ? string.slice(part.length) : string,
  removesuffix: (string: string, part: string) =>
    part !== '' && string.endsWith(part) ? string.slice(0, -part.length) : string,
  splitlines: (string: string) => (string === '' ? [] : string.replace(/(\r\n?|\n)$/, '').split(/\r\n?|\n/)),
  isdigit: (string: string) => /^\p{Nd}+$/u.test(string),
  isalpha: (string: string) => /^\p{L}+$/u.test(string),
  isalnum: (string: string) => /^[\p{L}\p{N}]+$/u.test(string),
  isspace: (string: string) => string !== '' && strip(string) === '',
} as const

/** A method of a text as a function for the template; null where the library has it as Python does. */
export function stringMethod(string: string, name: string): Value | null {
  if (!Object.hasOwn(METHODS, name)) return null
  const method: (string: string, ...given: never[]) => unknown = METHODS[name as keyof typeof METHODS]
  return callable((...given: never[]) => method(string, ...given))
}

export function capitalize(string: string): string {
  const [first = '', ...others] = string
  return first.toUpperCase() + others.join('').toLowerCase()
}

function codePoints(string: string, at: number): number {
  return at < 0 ? -1 : Array.from(string.slice(0, at)).length
}
