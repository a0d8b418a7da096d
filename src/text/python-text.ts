import {
  entriesOf,
  isMissing,
  isNone,
  itemsOf,
  LIMITS,
  pairsOf,
  TemplateLimitError,
  textOf,
  type Value,
} from './jinja-values'

/** Python's `str()`: what a template prints. */
export function pythonText(value: Value): string {
  return textOf(value) ?? (isMissing(value) ? '' : repr(value, { left: LIMITS.items }, 0))
}

/** Throws where a value holds more, within lists and mappings, than may be written; it may hold one list many times. */
export function checkSize(value: Value): void {
  repr(value, { left: LIMITS.items }, 0)
}

/** Python's `repr()`. `budget`: how many values may still be written. */
function repr(value: Value, budget: { left: number }, depth: number): string {
  if (--budget.left < 0 || depth > LIMITS.depth)
    throw new TemplateLimitError(`it writes a list of more than ${LIMITS.items} items`)
  const inner = (item: Value) => repr(item, budget, depth + 1)
  const string = textOf(value)
  if (string !== null) return quoted(string)
  if (isNone(value)) return 'None'
  if (isMissing(value)) return 'Undefined'
  if (typeof value.value === 'boolean') return value.value ? 'True' : 'False'
  if (typeof value.value === 'number') return number(value.value, value.type === 'FloatValue')
  const items = itemsOf(value)?.map(inner)
  if (items) {
    if (value.type !== 'TupleValue') return `[${items.join(', ')}]`
    return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`
  }
  if (!entriesOf(value)) return value.type
  return `{${pairsOf(value)!
    .map(([key, item]) => `${inner(key)}: ${inner(item)}`)
    .join(', ')}}`
}

/** Python writes 1.0, 1e-07 and 1e+16; JavaScript 1, 1e-7 and 10000000000000000. */
function number(value: number, isFloat: boolean): string {
  if (!isFloat) return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString()
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  const size = Math.abs(value)
  const short = size !== 0 && (size < 1e-4 || size >= 1e16) ? value.toExponential() : String(value)
  if (short.includes('e')) return short.replace(/e([+-])(\d)$/, 'e$10$2')
  return short.includes('.') ? short : `${Object.is(value, -0) ? '-0' : short}.0`
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' }

/** Private-use characters stay as they are, unlike in Python: provenance.ts marks texts with them, one for one. */
function quoted(string: string): string {
  const quote = string.includes("'") && !string.includes('"') ? '"' : "'"
  const escaped = string.replace(/[\\\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Cn}]|(?! )\p{Zs}|\p{Cf}/gu, (character) => {
    const code = character.codePointAt(0)!
    if (ESCAPES[character]) return ESCAPES[character]
    const hex = code.toString(16)
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
  })
  return quote + escaped.replaceAll(quote, `\\${quote}`) + quote
}
