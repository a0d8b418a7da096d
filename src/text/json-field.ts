import { malformed } from './tokenizer-errors'

/** Deeper than any tokenizer.json is; readers recurse. */
const MAX_DEPTH = 40

/** A value of a JSON file that nobody has checked yet, and where it stands. Every reader throws `malformed-file`. */
export class JsonField {
  readonly value: unknown
  /** `tokenizer.json: model.vocab` */
  readonly path: string
  readonly #depth: number

  constructor(value: unknown, path: string, depth = 0) {
    this.value = value
    this.path = path
    this.#depth = depth
    if (depth > MAX_DEPTH) throw malformed(`${path.slice(0, 80)}… is nested too deeply`)
  }

  get missing(): boolean {
    return this.value === undefined || this.value === null
  }

  /** A field of an object; `missing` where it has none. */
  at(key: string): JsonField {
    const { value } = this
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#not('an object')
    const found = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
    return new JsonField(found, `${this.path}${this.path.endsWith(':') ? ' ' : '.'}${key}`, this.#depth + 1)
  }

  /** The fields of an object by name. */
  entries(): [string, unknown][] {
    const { value } = this
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#not('an object')
    return Object.entries(value)
  }

  /** The items of a list, unchecked: for long ones, which need no path each. */
  list(): readonly unknown[] {
    if (!Array.isArray(this.value)) throw this.#not('a list')
    return this.value
  }

  items(): JsonField[] {
    return this.list().map((item, i) => new JsonField(item, `${this.path}[${i}]`, this.#depth + 1))
  }

  string(fallback?: string): string {
    if (fallback !== undefined && this.missing) return fallback
    if (typeof this.value !== 'string') throw this.#not('a string')
    return this.value
  }

  boolean(fallback?: boolean): boolean {
    if (fallback !== undefined && this.missing) return fallback
    if (typeof this.value !== 'boolean') throw this.#not('true or false')
    return this.value
  }

  /** A whole number from 0 to below `limit`. */
  integer(limit: number, fallback?: number): number {
    if (fallback !== undefined && this.missing) return fallback
    const { value } = this
    if (typeof value !== 'number' || !Number.isInteger(value)) throw this.#not('a whole number')
    if (value < 0 || value >= limit) throw this.#not(`from 0 to ${limit - 1}, not ${value}`)
    return value
  }

  #not(what: string): Error {
    return malformed(`${this.path} must be ${what}`)
  }
}
