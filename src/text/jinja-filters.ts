import {
  attributeOf,
  compare,
  entriesOf,
  equal,
  equalWithin,
  float,
  integer,
  isMissing,
  isNone,
  isTrue,
  itemsOf,
  iterate,
  keyText,
  LIMITS,
  list,
  missing,
  numberOf,
  pairsOf,
  text,
  textOf,
  type Value,
} from './jinja-values'
import { pythonText } from './python-text'
import { capitalize, joinTexts, replaceText, strip } from './string-methods'

/** What a filter is given beside its operand. */
interface FilterCall {
  readonly args: readonly Value[]
  readonly named: ReadonlyMap<string, Value>
  /** Applies another filter by its name. */
  apply(name: string, operand: Value, args: readonly Value[]): Value
}

type Filter = (operand: Value, call: FilterCall) => Value

/** The argument at a place or of a name. */
function given({ args, named }: FilterCall, place: number, name: string): Value | null {
  return args[place] ?? named.get(name) ?? null
}

function walk(operand: Value, filter: string): readonly Value[] {
  const items = iterate(operand)
  if (!items) throw new Error(`The filter ${filter} cannot walk over ${pythonText(operand)}`)
  return items
}

function length(operand: Value): Value {
  const string = textOf(operand)
  if (string !== null) return integer(Array.from(string).length)
  const entries = entriesOf(operand)
  return integer(entries?.size ?? walk(operand, 'length').length)
}

function extreme(operand: Value, call: FilterCall, sign: 1 | -1): Value {
  const attribute = textOf(given(call, 1, 'attribute') ?? missing())
  const key = (item: Value) => {
    const found = attribute === null ? item : attributeOf(item, attribute)
    const string = textOf(found)
    return string === null ? found : text(string.toLowerCase())
  }
  const [first, ...others] = walk(operand, sign < 0 ? 'min' : 'max')
  return others.reduce(
    (best, item) => (sign * compare(key(item), key(best)) > 0 ? item : best),
    first ?? missing(),
  )
}

/** `int` and `float`: the operand as a number, 0 or the default where it is none. */
function toNumber(operand: Value, fallback: Value | null, whole: boolean): Value {
  const make = whole ? integer : float
  const string = textOf(operand)?.trim().replaceAll('_', '') ?? null
  const value =
    string === null
      ? numberOf(operand)
      : /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(string)
        ? Number(string)
        : null
  if (value === null || (whole && !Number.isFinite(value))) return fallback ?? make(0)
  return make(whole ? Math.trunc(value) : value)
}

/** `select`, `reject`, `selectattr`, `rejectattr`: what a test is true of, or false. */
function choose(operand: Value, call: FilterCall, byAttribute: boolean, wanted: boolean): Value {
  if (!isTrue(operand) || isMissing(operand)) return list([])
  const args = byAttribute ? call.args.slice(1) : call.args
  const path = byAttribute ? pythonText(call.args[0] ?? missing()) : null
  const [name, ...rest] = args
  const test = name ? testNamed(pythonText(name)) : isTrue
  return list(
    walk(operand, 'select').filter(
      (item) => test(path === null ? item : attributeOf(item, path), ...rest) === wanted,
    ),
  )
}

function map(operand: Value, call: FilterCall): Value {
  if (!isTrue(operand)) return list([])
  const items = walk(operand, 'map')
  const attribute = call.named.get('attribute')
  if (!attribute) {
    const [name, ...rest] = call.args
    if (!name) throw new Error('The filter map needs the name of a filter, or attribute')
    return list(items.map((item) => call.apply(pythonText(name), item, rest)))
  }
  const fallback = call.named.get('default')
  return list(
    items.map((item) => {
      const found = attributeOf(item, pythonText(attribute))
      return isMissing(found) && fallback ? fallback : found
    }),
  )
}

function unique(operand: Value): Value {
  const kept: Value[] = []
  const plain = new Set<string | number>()
  const others: Value[] = []
  const budget = { left: LIMITS.items }
  for (const item of walk(operand, 'unique')) {
    const key = textOf(item) ?? numberOf(item)
    if (key === null) {
      if (others.some((other) => equalWithin(other, item, budget))) continue
      others.push(item)
    } else {
      if (plain.has(key)) continue
      plain.add(key)
    }
    kept.push(item)
  }
  return list(kept)
}

function orDefault(operand: Value, call: FilterCall): Value {
  const falsyToo = isTrue(given(call, 1, 'boolean') ?? missing())
  if (!isMissing(operand) && !(falsyToo && !isTrue(operand))) return operand
  return given(call, 0, 'default_value') ?? text('')
}

function join(operand: Value, call: FilterCall): Value {
  const attribute = given(call, 1, 'attribute')
  const items = walk(operand, 'join').map((item) =>
    pythonText(attribute ? attributeOf(item, pythonText(attribute)) : item),
  )
  return text(joinTexts(pythonText(given(call, 0, 'd') ?? missing()), items))
}

function pairs(operand: Value): Value {
  const found = pairsOf(operand)
  if (!found) throw new Error('Can only get item pairs from a mapping.')
  return list(found.map((pair) => list(pair)))
}

function replace(operand: Value, call: FilterCall): Value {
  const [old, by] = [given(call, 0, 'old'), given(call, 1, 'new')].map((value) =>
    pythonText(value ?? missing()),
  )
  return text(replaceText(pythonText(operand), old!, by!, numberOf(given(call, 2, 'count') ?? missing())))
}

/** Filters that the library lacks, or that take other operands in Python's Jinja. */
const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ['trim', (operand, call) => text(strip(pythonText(operand), textOf(given(call, 0, 'chars') ?? missing())))],
  ['string', (operand) => text(pythonText(operand))],
  ['upper', (operand) => text(pythonText(operand).toUpperCase())],
  ['lower', (operand) => text(pythonText(operand).toLowerCase())],
  ['capitalize', (operand) => text(capitalize(pythonText(operand)))],
  ['replace', replace],
  ['length', length],
  ['count', length],
  ['list', (operand) => list(walk(operand, 'list'))],
  ['first', (operand) => walk(operand, 'first')[0] ?? missing()],
  ['last', (operand) => walk(operand, 'last').at(-1) ?? missing()],
  ['items', pairs],
  ['join', join],
  ['min', (operand, call) => extreme(operand, call, -1)],
  ['max', (operand, call) => extreme(operand, call, 1)],
  ['sum', (operand) => sum(walk(operand, 'sum'))],
  ['unique', unique],
  ['int', (operand, call) => toNumber(operand, given(call, 0, 'default'), true)],
  ['float', (operand, call) => toNumber(operand, given(call, 0, 'default'), false)],
  ['select', (operand, call) => choose(operand, call, false, true)],
  ['reject', (operand, call) => choose(operand, call, false, false)],
  ['selectattr', (operand, call) => choose(operand, call, true, true)],
  ['rejectattr', (operand, call) => choose(operand, call, true, false)],
  ['map', map],
  ['default', orDefault],
  ['d', orDefault],
])

function sum(items: readonly Value[]): Value {
  const numbers = items.map((item) => numberOf(item) ?? Number.NaN)
  if (numbers.some(Number.isNaN)) throw new Error('The filter sum adds numbers only')
  const total = numbers.reduce((all, number) => all + number, 0)
  return items.some(({ type }) => type === 'FloatValue') ? float(total) : integer(total)
}

/** The filter of a name; null where the library's own is as Python's. */
export function filterNamed(name: string): Filter | null {
  return FILTERS.get(name) ?? null
}

type Test = (operand: Value, ...given: readonly Value[]) => boolean

const whole = (value: Value): number => {
  if (value.type !== 'IntegerValue') throw new Error(`${pythonText(value)} is neither odd nor even`)
  return Math.abs(Number(value.value))
}

const TESTS: ReadonlyMap<string, Test> = new Map<string, Test>([
  ['defined', (operand) => !isMissing(operand)],
  ['undefined', isMissing],
  ['none', isNone],
  ['string', (operand) => textOf(operand) !== null],
  ['number', (operand) => numberOf(operand) !== null],
  ['integer', ({ type }) => type === 'IntegerValue'],
  ['float', ({ type }) => type === 'FloatValue'],
  ['boolean', ({ value }) => typeof value === 'boolean'],
  ['true', ({ value }) => value === true],
  ['false', ({ value }) => value === false],
  ['mapping', ({ type }) => type === 'ObjectValue'],
  ['iterable', (operand) => iterate(operand) !== null],
  ['sequence', (operand) => iterate(operand) !== null],
  ['callable', ({ type }) => type === 'FunctionValue'],
  ['odd', (operand) => whole(operand) % 2 === 1],
  ['even', (operand) => whole(operand) % 2 === 0],
  ['lower', (operand) => pythonText(operand) === pythonText(operand).toLowerCase()],
  ['upper', (operand) => pythonText(operand) === pythonText(operand).toUpperCase()],
  ['in', (operand, from = missing()) => isIn(operand, from)],
  ...['equalto', 'eq', '=='].map((name) => [name, (a: Value, b = missing()) => equal(a, b)] as const),
  ...['ne', '!='].map((name) => [name, (a: Value, b = missing()) => !equal(a, b)] as const),
])

/** The test of a name, as `is` and `selectattr` have them. */
export function testNamed(name: string): Test {
  const test = TESTS.get(name)
  if (!test) throw new Error(`Unknown test: ${name}`)
  return test
}

/** Python's `in`. */
export function isIn(item: Value, container: Value): boolean {
  if (isMissing(container)) return false
  const [string, part] = [textOf(container), textOf(item)]
  if (string !== null && part !== null) return string.includes(part)
  if (string !== null)
    throw new Error(`'in <string>' requires string as left operand, not ${pythonText(item)}`)
  const items = itemsOf(container)
  if (items) return items.some((other) => equal(other, item))
  const entries = entriesOf(container)
  if (!entries) throw new Error(`${pythonText(container)} is not iterable`)
  return entries.has(keyText(item))
}
