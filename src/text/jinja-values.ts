import { Environment, type Interpreter } from '@huggingface/jinja'

/** A value of a template while it is rendered, as the library has it. */
export type Value = ReturnType<Interpreter['evaluate']>

export type Scope = InstanceType<typeof Environment>

/** What one rendering may do; a long conversation takes tens of thousands of evaluations. */
export const LIMITS = {
  ms: 3000,
  evaluations: 2_000_000,
  characters: 16_000_000,
  items: 100_000,
  depth: 200,
}

/** A template did more than `LIMITS` allows. */
export class TemplateLimitError extends Error {}

/** The library exports none of its values' classes; a value of each kind tells them. */
const classOf = <T>(sample: unknown) =>
  new Environment().set('sample', sample).constructor as new (
    value: T,
  ) => Value

const IntegerValue = classOf<number>(0)
const FloatValue = classOf<number>(0.5)
const StringValue = classOf<string>('')
const BooleanValue = classOf<boolean>(true)
const ArrayValue = classOf<readonly Value[]>([])
const UndefinedValue = classOf<undefined>(undefined)

export const text = (value: string): Value => new StringValue(value)
export const integer = (value: number): Value => new IntegerValue(value)
export const float = (value: number): Value => new FloatValue(value)
export const boolean = (value: boolean): Value => new BooleanValue(value)
export const list = (items: readonly Value[]): Value => new ArrayValue(items)
export const missing = (): Value => new UndefinedValue(undefined)

/** A function of plain values, for the template to call. */
export const callable = (run: (...given: never[]) => unknown): Value => new Environment().set('run', run)

export const isMissing = (value: Value): boolean => value.type === 'UndefinedValue'
export const isNone = (value: Value): boolean => value.type === 'NullValue'
export const isTrue = (value: Value): boolean => value.__bool__().value

export function textOf(value: Value): string | null {
  return value.type === 'StringValue' ? (value.value as string) : null
}

/** Numbers, and true and false as 1 and 0. */
export function numberOf(value: Value): number | null {
  return ['IntegerValue', 'FloatValue', 'BooleanValue'].includes(value.type) ? Number(value.value) : null
}

export function itemsOf(value: Value): readonly Value[] | null {
  return Array.isArray(value.value) ? value.value : null
}

export function entriesOf(value: Value): ReadonlyMap<string, Value> | null {
  return value.value instanceof Map ? value.value : null
}

/** What `for` walks over: items, keys, characters, nothing of what is not there; null for other values. */
export function iterate(value: Value): readonly Value[] | null {
  if (isMissing(value)) return []
  const characters = textOf(value)
  if (characters !== null) {
    if (characters.length > LIMITS.items)
      throw new TemplateLimitError(`it walks over a text of more than ${LIMITS.items} characters`)
    return Array.from(characters, text)
  }
  if (value.type === 'NamespaceValue') return null
  return itemsOf(value) ?? (entriesOf(value) ? keysOf(value) : null)
}

/** Attribute or item of a value by `a.b.0`. */
export function attributeOf(value: Value, path: string): Value {
  let found: Value | undefined = value
  for (const part of path.split('.')) {
    const from: Value = found
    found = entriesOf(from)?.get(part) ?? (/^\d+$/.test(part) ? itemsOf(from)?.[Number(part)] : undefined)
    if (!found) return missing()
  }
  return found
}

interface Mapping {
  readonly value: ReadonlyMap<string, Value>
  readonly builtins: Map<string, Value>
  keys(): Value
  items(): Value
}
const ObjectValue = classOf<ReadonlyMap<string, Value>>({}) as unknown as new (
  entries: ReadonlyMap<string, Value>,
) => Mapping

/** A mapping some of whose keys are no texts: Python's 0, true and none; they are kept as what they print as. */
class KeyedObject extends ObjectValue {
  constructor(readonly pairs: ReadonlyMap<string, readonly [Value, Value]>) {
    super(new Map([...pairs].map(([key, [, value]]) => [key, value])))
    const sorted = callable(() => null)
    sorted.value = () =>
      list([...this.pairs.values()].sort(([a], [b]) => compare(a, b)).map((pair) => list(pair)))
    this.builtins.set('dictsort', sorted)
  }

  override keys(): Value {
    return list([...this.pairs.values()].map(([key]) => key))
  }

  override items(): Value {
    return list([...this.pairs.values()].map((pair) => list(pair)))
  }
}

/** A mapping of any simple keys. */
export function mapping(pairs: readonly (readonly [Value, Value])[]): Value {
  if (pairs.every(([key]) => textOf(key) !== null))
    return new ObjectValue(new Map(pairs.map(([key, value]) => [textOf(key)!, value]))) as unknown as Value
  return new KeyedObject(new Map(pairs.map((pair) => [keyText(pair[0]), pair]))) as unknown as Value
}

function keysOf(value: Value): readonly Value[] {
  const keyed: unknown = value
  return keyed instanceof KeyedObject ? itemsOf(keyed.keys())! : [...entriesOf(value)!.keys()].map(text)
}

/** [key, value] of a mapping; nothing of what is not there, null for other values. */
export function pairsOf(value: Value): readonly (readonly [Value, Value])[] | null {
  if (isMissing(value)) return []
  const keyed: unknown = value
  if (keyed instanceof KeyedObject) return [...keyed.pairs.values()]
  const entries = entriesOf(value)
  return entries && [...entries].map(([key, item]) => [text(key), item])
}

/** The key under which a mapping has it. */
export function keyText(value: Value): string {
  if (itemsOf(value) || entriesOf(value)) throw new Error('unhashable type: a list or a mapping as a key')
  return textOf(value) ?? String(numberOf(value) ?? value.value)
}

/** Python's `==`: lists and mappings by what they hold, texts never equal to numbers. */
export function equal(a: Value, b: Value): boolean {
  return equalWithin(a, b, { left: LIMITS.items })
}

/** `budget`: how many values may still be compared; lists may hold one list many times. */
export function equalWithin(a: Value, b: Value, budget: { left: number }): boolean {
  if (--budget.left < 0) throw new TemplateLimitError(`it compares more than ${LIMITS.items} items`)
  if (a === b || a.value === b.value) return a.type === b.type || numberOf(a) !== null
  const [x, y] = [itemsOf(a), itemsOf(b)]
  if (x && y) return x.length === y.length && x.every((item, i) => equalWithin(item, y[i]!, budget))
  const [m, n] = [entriesOf(a), entriesOf(b)]
  if (m && n) {
    const same = ([key, item]: [string, Value]) => n.has(key) && equalWithin(item, n.get(key)!, budget)
    return m.size === n.size && [...m].every(same)
  }
  const number = numberOf(a)
  return number !== null && number === numberOf(b)
}

/** Below 0, 0 or above it; numbers with numbers and texts with texts. */
export function compare(a: Value, b: Value): number {
  const [x, y] = [textOf(a) ?? numberOf(a), textOf(b) ?? numberOf(b)]
  if (x === null || y === null || typeof x !== typeof y)
    throw new Error(`${a.type} and ${b.type} cannot be compared`)
  return x < y ? -1 : x > y ? 1 : 0
}
