import { type ErrorCode, OctavoError } from '../util/octavo-error'

/** What a value may be, for the check and, in words, for the message that refuses it. */
export interface Rule {
  /** Completes “must be …”. */
  readonly expected: string
  accepts(value: unknown): boolean
}

/** A field that is built, or one that is known and accepted only where it asks for nothing. */
export type Field = { readonly kind: 'built' | 'unbuilt'; readonly rule: Rule }
export type Fields = Readonly<Record<string, Field>>

export const built = (rule: Rule): Field => ({ kind: 'built', rule })

/** A known field that is not built: only these values, which ask for nothing, are accepted (beside null). */
export const unbuilt = (...neutral: readonly Rule[]): Field => ({ kind: 'unbuilt', rule: anyOf(...neutral) })

export const boolean: Rule = { expected: 'true or false', accepts: (value) => typeof value === 'boolean' }

export const string: Rule = { expected: 'a string', accepts: (value) => typeof value === 'string' }

export const filledString: Rule = {
  expected: 'a string that is not empty',
  accepts: (value) => typeof value === 'string' && value !== '',
}

export const number = (min: number, max: number): Rule => ({
  expected: `a number from ${min} to ${max}`,
  accepts: (value) => typeof value === 'number' && value >= min && value <= max,
})

/** An integer that a number holds exactly. */
export const integer = (min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): Rule => ({
  expected: integerRange(min, max),
  accepts: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
})

export const oneOf = (...values: readonly (string | number | boolean)[]): Rule => ({
  expected: values
    .map((value) => JSON.stringify(value))
    .join(', ')
    .replace(/, (?=[^,]*$)/, ' or '),
  accepts: (value) => values.includes(value as string),
})

export const listOf = (item: Rule, minLength = 0): Rule => ({
  expected: `an array of which each item is ${item.expected}${minLength > 0 ? ', not empty' : ''}`,
  accepts: (value) =>
    Array.isArray(value) && value.length >= minLength && value.every((each) => item.accepts(each)),
})

export const emptyList: Rule = {
  expected: 'an empty array',
  accepts: (value) => Array.isArray(value) && value.length === 0,
}

export const anyOf = (...rules: readonly Rule[]): Rule => ({
  expected: rules.map((rule) => rule.expected).join(', or ') || 'null',
  accepts: (value) => rules.some((rule) => rule.accepts(value)),
})

export const plainObject: Rule = { expected: 'an object', accepts: isPlainObject }

export const emptyObject: Rule = {
  expected: 'an empty object',
  accepts: (value) => isPlainObject(value) && Object.keys(value).length === 0,
}

/** An object that has a method of the name: a `GPU`, an `AbortSignal`, a function (`call`). */
export const having = (method: string, expected: string): Rule => ({
  expected,
  accepts: (value) =>
    value instanceof Object && typeof (value as Record<string, unknown>)[method] === 'function',
})

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Checks every field of an object against the table; null and undefined stand for a field that is not there.
 *
 * @param where is put before a field's name in messages: `messages[1].`.
 * @throws OctavoError of the given code for an unknown field or a value out of its range, 'unsupported-field' for
 * one that asks for what is not built.
 */
export function checkFields(code: ErrorCode, where: string, fields: Fields, value: object): void {
  for (const [name, given] of Object.entries(value)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (!field) throw unknownField(code, where, name, Object.keys(fields))
    if (given === null || given === undefined || field.rule.accepts(given)) continue
    throw field.kind === 'built'
      ? wrongValue(code, where + name, given, field.rule.expected)
      : unsupported(where + name, given, field.rule.expected)
  }
}

export function wrongValue(code: ErrorCode, name: string, given: unknown, expected: string): OctavoError {
  return new OctavoError(code, `${name} is ${show(given)}; it must be ${expected}.`, `Correct ${name}.`)
}

export function unsupported(name: string, given: unknown, neutral: string): OctavoError {
  return new OctavoError(
    'unsupported-field',
    `${name} is ${show(given)}, which this version of Octavo cannot do yet.`,
    neutral === 'null'
      ? `Leave ${name} out.`
      : `Leave ${name} out, or give what asks for nothing: ${neutral}.`,
  )
}

function unknownField(code: ErrorCode, where: string, name: string, known: readonly string[]): OctavoError {
  const closest = closestName(name, known)
  return new OctavoError(
    code,
    `There is no ${where}${name}.`,
    closest === null ? `Leave ${where}${name} out.` : `Did you mean ${where}${closest}?`,
  )
}

function integerRange(min: number, max: number): string {
  if (max !== Number.MAX_SAFE_INTEGER) return `an integer from ${min} to ${max}`
  return min === Number.MIN_SAFE_INTEGER ? 'an integer' : `an integer of at least ${min}`
}

/** The value, short enough for a sentence. */
function show(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number') return String(value)
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch {
    text = undefined
  }
  if (text === undefined) return String(typeof value === 'object' ? 'an object' : value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

/** The known name that takes the fewest edits, if it takes few for its length. */
function closestName(name: string, known: readonly string[]): string | null {
  let best: string | null = null
  let fewest = Math.ceil(name.length / 3) + 1
  for (const candidate of known) {
    const edits = editDistance(
      name.toLowerCase().replaceAll('_', ''),
      candidate.toLowerCase().replaceAll('_', ''),
    )
    if (edits < fewest) [best, fewest] = [candidate, edits]
  }
  return best
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
