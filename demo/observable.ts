/** A value that tells when it has changed. */
export class Observable<T> {
  #value: T
  readonly #listeners = new Set<(value: T) => void>()

  constructor(value: T) {
    this.#value = value
  }

  get value(): T {
    return this.#value
  }

  set(value: T): void {
    this.#value = value
    for (const listener of this.#listeners) listener(value)
  }

  /** Calls the listener now and at every change. */
  watch(listener: (value: T) => void): void {
    this.#listeners.add(listener)
    listener(this.#value)
  }
}
