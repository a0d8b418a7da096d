/** Ids to text, one by one; never half a character. The worker wires the tokenizer's in. */
export interface TextSource {
  push(id: number): string
  finish(): string
}

/** Text that may go out, and the stop string that ended it. */
export interface TextStep {
  readonly text: string
  readonly stop: string | null
}

/** Text of a generation with stop strings, which may span tokens: what could become one is held back. */
export class StopText {
  #held = ''

  constructor(
    readonly source: TextSource,
    readonly stops: readonly string[],
    readonly includeStop: boolean,
  ) {}

  /** With `watch` false the text passes, as under `min_tokens`. */
  push(id: number, watch: boolean): TextStep {
    return this.#add(this.source.push(id), watch)
  }

  /** What was held back, at the end. */
  finish(watch: boolean): TextStep {
    const { text, stop } = this.#add(this.source.finish(), watch)
    const rest = this.#held
    this.#held = ''
    return { text: stop === null ? text + rest : text, stop }
  }

  #add(text: string, watch: boolean): TextStep {
    if (text === '' || !watch) {
      const passing = watch ? '' : this.#held + text
      if (!watch) this.#held = ''
      return { text: passing, stop: null }
    }
    const all = this.#held + text
    const found = this.#firstStop(all)
    if (found) {
      this.#held = ''
      return { text: all.slice(0, this.includeStop ? found.end : found.start), stop: found.stop }
    }
    const keep = this.#heldLength(all)
    this.#held = all.slice(all.length - keep)
    return { text: all.slice(0, all.length - keep), stop: null }
  }

  /** The stop string that is complete first; among those, the one that begins first. */
  #firstStop(text: string): { stop: string; start: number; end: number } | null {
    let first: { stop: string; start: number; end: number } | null = null
    for (const stop of this.stops) {
      const start = text.indexOf(stop)
      if (start < 0) continue
      const end = start + stop.length
      if (!first || end < first.end || (end === first.end && start < first.start))
        first = { stop, start, end }
    }
    return first
  }

  /** Length of the longest end of the text that begins a stop string. */
  #heldLength(text: string): number {
    let longest = 0
    for (const stop of this.stops) {
      for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
        if (text.endsWith(stop.slice(0, length))) longest = length
      }
    }
    return longest
  }
}
