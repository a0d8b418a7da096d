/** How fast bytes come, over the last few seconds. */
export class TransferRate {
  readonly #windowMs: number
  #samples: { readonly atMs: number; readonly bytes: number }[] = []

  constructor(windowMs = 5000) {
    this.#windowMs = windowMs
  }

  /** @param bytes all that have come so far. */
  add(atMs: number, bytes: number): void {
    this.#samples.push({ atMs, bytes })
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= atMs - this.#windowMs) this.#samples.shift()
  }

  /** Bytes per second; null until half a second has been seen. */
  get bytesPerSecond(): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (!first || !last || last.atMs - first.atMs < 500) return null
    return ((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1000
  }
}
