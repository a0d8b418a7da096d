/** A submit should take no longer than this, so that pages stay alive and drivers' watchdogs asleep. */
const submitMs = 250
/** Of a prompt, in one step, however slow the device and whatever else is in the step. */
const leastPromptTokens = 16

/** Products take tokens in tiles of so many, or of a divisor: one that is not full costs as much. */
const tileTokens = 8

/** What a step had in it. */
interface StepTokens {
  readonly tokens: number
  readonly prefill: { readonly tokens: number }
  readonly decode: { readonly tokens: number }
}

/**
 * How many tokens a step may have: what the device computes in a quarter of a second, in whole tiles, within `most`. Begins low, so that
 * the first prompt on a slow device does not stall it for seconds, and follows what each step took.
 */
export class TokenBudget {
  #fitting = leastPromptTokens
  #decoding = 0

  constructor(
    /** Tokens that the buffers of a step hold. */
    readonly most: number,
  ) {}

  /** Beside the sequences that decode there is always room for some of a prompt, so that none starves. */
  get tokens(): number {
    const fitting = Math.floor(this.#fitting / tileTokens) * tileTokens
    const least = Math.ceil((this.#decoding + leastPromptTokens) / tileTokens) * tileTokens
    return Math.min(this.most, Math.max(fitting, least))
  }

  /** A step took so long, those that were ahead of it included. */
  took({ tokens, prefill, decode }: StepTokens, ms: number): void {
    this.#decoding = decode.tokens
    const fitting = Math.floor((tokens * submitMs) / Math.max(ms, 1e-3))
    // Few tokens cost more each than many: what they take says what fits at least.
    this.#fitting = prefill.tokens < leastPromptTokens / 2 ? Math.max(this.#fitting, fitting) : fitting
  }
}
