import type { Json, JsonObject } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'

const remedy = 'Download the repo again, or choose another model.'

/** What config.json says cannot be. */
export function malformedConfig(message: string): OctavoError {
  return new OctavoError('malformed-file', message, remedy)
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Reads fields of an untrusted JSON object, which `where` names. A field that is null counts as missing. */
export class JsonReader {
  constructor(
    readonly json: JsonObject,
    readonly where: string,
  ) {}

  text(name: string, fallback?: string): string {
    const value = this.json[name] ?? fallback
    if (typeof value !== 'string') throw this.#wrong(name, 'a text')
    return value
  }

  flag(name: string, fallback?: boolean): boolean {
    const value = this.json[name] ?? fallback
    if (typeof value !== 'boolean') throw this.#wrong(name, 'true or false')
    return value
  }

  /** A whole number above zero. */
  count(name: string, fallback?: number): number {
    const value = this.positive(name, fallback)
    if (!Number.isSafeInteger(value)) throw this.#wrong(name, 'a whole number')
    return value
  }

  positive(name: string, fallback?: number): number {
    const value = this.json[name] ?? fallback
    if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value)) {
      throw this.#wrong(name, 'a number above 0')
    }
    return value
  }

  object(name: string): JsonReader {
    const value = this.json[name]
    if (!isObject(value)) throw this.#wrong(name, 'an object')
    return new JsonReader(value, `${name} of ${this.where}`)
  }

  #wrong(name: string, expected: string): OctavoError {
    return malformedConfig(`${name} in ${this.where} is ${shown(this.json[name])}, not ${expected}.`)
  }
}

export function shown(value: unknown): string {
  return value === undefined ? 'missing' : (JSON.stringify(value)?.slice(0, 60) ?? String(value))
}
