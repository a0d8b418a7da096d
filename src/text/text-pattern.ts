import { SplitPreTokenizer } from '@huggingface/tokenizers'
import type { JsonField } from './json-field'
import { malformed, unsupported } from './tokenizer-errors'

/** What Rust and Oniguruma call white space. JavaScript's \s has U+FEFF too and lacks U+0085. */
export const SPACE = '\\p{White_Space}'

/** What becomes of the places that a pattern matches, in tokenizer.json's words. */
export const BEHAVIORS = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
] as const
export type Behavior = (typeof BEHAVIORS)[number]

/**
 * A pattern of a tokenizer.json, `{ String }` or `{ Regex }`. The library turns Oniguruma's syntax into JavaScript's.
 *
 * A file is not trusted: an expression that could take exponential time is refused.
 */
export function readPattern(field: JsonField): RegExp {
  const literal = field.at('String')
  if (!literal.missing) {
    const text = literal.string()
    return text === '' ? /(?!)/gu : new RegExp(text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'), 'gu')
  }
  const regex = field.at('Regex')
  if (regex.missing) throw malformed(`${field.path} has neither String nor Regex`)
  return compileRegex(regex.string(), regex.path)
}

function compileRegex(source: string, path: string): RegExp {
  if (mayExplode(source)) throw unsupported(`regular expression at ${path}, which may take too long,`)
  try {
    const config = { type: 'Split', pattern: { Regex: source }, behavior: 'Isolated', invert: false } as const
    const { pattern } = new SplitPreTokenizer(config)
    if (pattern instanceof RegExp) return pattern
  } catch {
    // Whatever the library throws, the expression is not one that it can translate.
  }
  throw unsupported(`regular expression at ${path}`)
}

interface Group {
  /** It matches texts in one way only, so it may be repeated. */
  fixed: boolean
  /** Unbounded repetitions one after the other, in this alternative and in the worst of those before. */
  here: number
  worst: number
}

const LIMITS = { length: 8192, repetitions: 3, smallCount: 4, depth: 100 }

/**
 * Whether a backtracking engine may need exponential time, or polynomial of a high degree, for an expression: one that
 * repeats something with repetitions or choices in it, has back references, or many repetitions in a row.
 */
export function mayExplode(source: string): boolean {
  if (source.length > LIMITS.length) return true
  const groups: Group[] = [{ fixed: true, here: 0, worst: 0 }]
  for (let i = 0; i < source.length; ) {
    const group = groups.at(-1)!
    const char = source[i]!
    if (char === '(') {
      groups.push({ fixed: true, here: 0, worst: 0 })
      if (groups.length > LIMITS.depth) return true
      const prefix = /^\(\?(?:<?[=!]|[a-z]*:|>|<\w+>)?/.exec(source.slice(i, i + 100))
      i += prefix ? prefix[0].length : 1
      continue
    }
    if (char === '|') {
      group.worst = Math.max(group.worst, group.here)
      group.here = 0
      group.fixed = false
      i++
      continue
    }
    let inner: Group | null = null
    if (char === ')') {
      if (groups.length === 1) return true
      inner = groups.pop()!
      i++
    } else {
      const end = atomEnd(source, i)
      if (end === null) return true
      i = end
    }
    const outer = groups.at(-1)!
    const quantifier = /^(?:([*+?])[?+]?|\{(\d*)(?:(,)(\d*))?\}\??)/.exec(source.slice(i, i + 40))
    const worstInside = inner ? Math.max(inner.worst, inner.here) : 0
    if (!quantifier) {
      outer.here += worstInside
      outer.fixed &&= inner?.fixed ?? true
    } else {
      i += quantifier[0].length
      if (/^[*+{]/.test(source.slice(i))) return true
      const [, sign, least, comma, most] = quantifier
      const max = sign === '?' ? 1 : sign || (comma && !most) ? Infinity : Number(comma ? most : least)
      const exact = !sign && !comma
      if (inner && !inner.fixed && max > (exact || max <= LIMITS.smallCount ? LIMITS.smallCount : 1))
        return true
      outer.here += max > 64 && !exact ? 1 : worstInside * Math.min(max, LIMITS.smallCount)
      outer.fixed &&= exact && (inner?.fixed ?? true)
    }
    if (outer.here > LIMITS.repetitions) return true
  }
  return groups.length > 1
}

/** Where the atom ends that begins here; null for a back reference or a class without an end. */
function atomEnd(source: string, start: number): number | null {
  if (source[start] === '\\') {
    const escaped = /^\\(?:[pPxu]\{[^}]*\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|[\s\S])/u.exec(
      source.slice(start, start + 60),
    )
    if (!escaped || /^\\[1-9kg]/.test(escaped[0])) return null
    return start + escaped[0].length
  }
  if (source[start] !== '[') return start + (source.codePointAt(start)! > 0xffff ? 2 : 1)
  let depth = 0
  for (let i = start; i < source.length; i++) {
    if (source[i] === '\\') i++
    else if (source[i] === '[') {
      depth++
      if (source[i + 1] === '^') i++
      if (source[i + 1] === ']') i++
    } else if (source[i] === ']' && --depth === 0) return i + 1
  }
  return null
}

/** Cuts a text at the places that a pattern (flags `gu`) matches. `invert`: at those between them. No empty pieces. */
export function splitText(text: string, pattern: RegExp, behavior: Behavior, invert = false): string[] {
  const pieces: { text: string; matches: boolean }[] = []
  let end = 0
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), matches: invert })
    pieces.push({ text: match[0], matches: !invert })
    end = match.index + match[0].length
  }
  if (end < text.length) pieces.push({ text: text.slice(end), matches: invert })
  return joined(pieces, behavior).filter((piece) => piece !== '')
}

function joined(pieces: readonly { text: string; matches: boolean }[], behavior: Behavior): string[] {
  if (behavior === 'Isolated') return pieces.map((piece) => piece.text)
  if (behavior === 'Removed') return pieces.flatMap((piece) => (piece.matches ? [] : [piece.text]))
  const result: string[] = []
  const backwards = behavior === 'MergedWithNext'
  let before: boolean | null = behavior === 'Contiguous' ? null : false
  for (const { text, matches } of backwards ? [...pieces].reverse() : pieces) {
    const joins = behavior === 'Contiguous' ? matches === before : matches && !before && result.length > 0
    if (!joins) result.push(text)
    else result.push(backwards ? text + result.pop()! : result.pop()! + text)
    before = matches
  }
  return backwards ? result.reverse() : result
}
