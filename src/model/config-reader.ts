import type { Json, JsonObject } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'

const remedy = 'Download the repo again, or choose another model.'

/** What a model's config says cannot be. */
export function malformedConfig(message: string): OctavoError {
  return new OctavoError('malformed-file', message, remedy)
}

/** What a model's config says can be, but not here. */
export function unsupported(message: string): OctavoError {
  return new OctavoError('unsupported-architecture', message, 'Choose another model.')
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export type Container = 'gguf' | 'safetensors'

/**
 * Reads fields of an untrusted config, as transformers names them. `where` names the config, `nameOf` a field as the
 * file has it. A field that is null counts as missing.
 */
export class ConfigReader {
  readonly #asked: Set<string>

  constructor(
    readonly json: JsonObject,
    readonly where: string,
    readonly container: Container = 'safetensors',
    readonly nameOf: (field: string) => string = (field) => field,
    asked = new Set<string>(),
  ) {
    this.#asked = asked
  }

  /** The same config with some fields otherwise, which may be called otherwise in the file. */
  with(fields: JsonObject, nameOf = this.nameOf): ConfigReader {
    return new ConfigReader({ ...this.json, ...fields }, this.where, this.container, nameOf, this.#asked)
  }

  has(field: string): boolean {
    return this.#value(field) !== undefined
  }

  /** Whether anybody has read the field, or looked whether it is there. */
  wasAsked(field: string): boolean {
    return this.#asked.has(field)
  }

  #value(field: string): Json | undefined {
    this.#asked.add(field)
    return this.json[field] ?? undefined
  }

  /** The first of the fields that is there, else the first: names of one thing, all of them asked. */
  pick(...fields: readonly string[]): string {
    for (const field of fields) this.#asked.add(field)
    return fields.find((field) => this.has(field)) ?? fields[0]!
  }

  text(field: string, fallback?: string): string {
    const value = this.#value(field) ?? fallback
    if (typeof value !== 'string') throw this.wrong(field, 'a text')
    return value
  }

  flag(field: string, fallback?: boolean): boolean {
    const value = this.#value(field) ?? fallback
    if (typeof value !== 'boolean') throw this.wrong(field, 'true or false')
    return value
  }

  /** A whole number above zero. */
  count(field: string, fallback?: number): number {
    const value = this.positive(field, fallback)
    if (!Number.isSafeInteger(value)) throw this.wrong(field, 'a whole number')
    return value
  }

  positive(field: string, fallback?: number): number {
    const value = this.number(field, fallback)
    if (!(value > 0)) throw this.wrong(field, 'a number above 0')
    return value
  }

  number(field: string, fallback?: number): number {
    const value = this.#value(field) ?? fallback
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.wrong(field, 'a number')
    return value
  }

  /** A whole number, zero too. */
  index(field: string, fallback?: number): number {
    const value = this.number(field, fallback)
    if (!Number.isSafeInteger(value) || value < 0) throw this.wrong(field, 'a whole number')
    return value
  }

  /** Null where it is missing or 0: a window, a cap. */
  some(field: string): number | null {
    const value = this.number(field, 0)
    return value === 0 ? null : this.positive(field)
  }

  numbers(field: string, length: number): readonly number[] {
    const value = this.#value(field)
    const right =
      Array.isArray(value) && value.length === length && value.every((each) => Number.isFinite(each))
    if (!right) throw this.wrong(field, `a list of ${length} numbers`)
    return value as readonly number[]
  }

  /** Null where it is missing. */
  list(field: string): readonly Json[] | null {
    const value = this.#value(field) ?? null
    if (value !== null && !Array.isArray(value)) throw this.wrong(field, 'a list')
    return value as readonly Json[] | null
  }

  object(field: string): ConfigReader {
    const value = this.#value(field)
    if (!isObject(value)) throw this.wrong(field, 'an object')
    return new ConfigReader(value, `${field} of ${this.where}`, this.container)
  }

  wrong(field: string, expected: string): OctavoError {
    return malformedConfig(
      `${this.nameOf(field)} in ${this.where} is ${shown(this.json[field])}, not ${expected}.`,
    )
  }
}

export function shown(value: unknown): string {
  return value === undefined ? 'missing' : (JSON.stringify(value)?.slice(0, 60) ?? String(value))
}
