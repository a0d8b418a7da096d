/**
 * Prompt and answer of the last generation that has ended, for each of some conversations; the one that was used longest
 * ago is forgotten first.
 */
export class ConversationIds {
  readonly #byKey = new Map<string, readonly number[]>()

  constructor(readonly most: number) {}

  get(key: string): readonly number[] | null {
    return this.#byKey.get(key) ?? null
  }

  set(key: string, ids: readonly number[]): void {
    this.#byKey.delete(key)
    this.#byKey.set(key, ids)
    const [oldest] = this.#byKey.keys()
    if (this.#byKey.size > this.most) this.#byKey.delete(oldest!)
  }
}
