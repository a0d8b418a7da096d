import type { TokenLogprobs } from '../model/step'
import { emptyTable } from './block-manager'
import type { GenerationEvent, GenerationRequest } from './generation'
import type { StopText, TextSource } from './stop-text'

/** What the engine is given beside the request: who listens, and how ids become text. */
export interface SequenceHooks {
  readonly onEvents: (events: readonly GenerationEvent[]) => void
  readonly onEnd: (error: unknown) => void
  readonly detokenizer: TextSource
  readonly eosIds: readonly number[]
}

/**
 * One generation on its way.
 *
 * `ids` are the prompt and what has been read back of the answer. With a step in flight that draws for this sequence,
 * one more token exists on the GPU only; `pending` counts it. `computed` tokens have, or will have once the submitted
 * steps are done, their K and V in the cache.
 */
export class Sequence {
  readonly ids: number[]
  readonly promptTokens: number
  readonly table = emptyTable()
  slot: number | null = null
  computed = 0
  pending = 0
  /** Tokens of the prompt whose keys and values were there when it began; null until then. */
  cachedTokens: number | null = null
  /** Submitted steps that have not been read back; its blocks must stay until then. */
  stepsInFlight = 0
  /** Ended, aborted or failed: results that still arrive are dropped. */
  done = false
  /** Rises with each preemption, so that results of steps before it are not taken for new ones. */
  epoch = 0
  /** By position; what is asked for again after a preemption comes out the same. */
  readonly promptLogprobs: (TokenLogprobs | null)[] = [null]
  promptReported = false

  constructor(
    readonly request: GenerationRequest,
    readonly hooks: SequenceHooks,
    readonly text: StopText,
    /** Order of arrival. */
    readonly number: number,
  ) {
    this.ids = [...request.promptIds]
    this.promptTokens = request.promptIds.length
  }

  get completionTokens(): number {
    return this.ids.length - this.promptTokens
  }

  /** Tokens that are known to exist, the one on the GPU included. */
  get length(): number {
    return this.ids.length + this.pending
  }

  /** Only the newest token is to be computed: a decode step. */
  get decoding(): boolean {
    return this.computed === this.length - 1 && this.length > this.promptTokens
  }

  get wantsTokens(): boolean {
    return this.request.stop.maxTokens > 0
  }
}
