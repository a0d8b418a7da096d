import type { SamplerSettings, TokenLogprobs } from '../model/step'
import { emptyTable } from './block-manager'
import { heldBackIds } from './check-sampling'
import type { GenerationEvent, GenerationRequest } from './generation'
import type { StopText, TextSource } from './stop-text'

/** What the engine is given beside the request: who listens, and how ids become text. */
export interface SequenceHooks {
  readonly onEvents: (events: readonly GenerationEvent[]) => void
  readonly onEnd: (error: unknown) => void
  readonly detokenizer: TextSource
  readonly eosIds: readonly number[]
}

/** A prompt that several sequences answer. */
export interface SharedPrompt {
  /** The sequence that computes it, or did, for the others to take it over while it runs. */
  computedBy: Sequence | null
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
  /** Ended, aborted or failed: results that still arrive are dropped. */
  done = false
  /** Rises whenever it starts again, so that results of steps before it are not taken for new ones. */
  epoch = 0
  /** By position; what is asked for again later comes out the same. */
  readonly promptLogprobs: (TokenLogprobs | null)[] = [null]
  promptReported = false
  /** The GPU counts the ids of this sequence in its slot, for the penalties. */
  counted = false
  /** BlockManager.changes when there was no room for it; −1 before it was refused. */
  refusedAt = -1
  /** Ids that end the text, which `min_tokens` holds back. */
  readonly #endIds: readonly number[]
  /** The same object at every step that asks for nothing of its own. */
  readonly #sampler: SamplerSettings
  #constrained: Uint32Array | null = null

  constructor(
    readonly request: GenerationRequest,
    readonly hooks: SequenceHooks,
    readonly text: StopText,
    /** Order of arrival. */
    readonly number: number,
    /** Of the ids that may be drawn, if the request names them. */
    readonly mask: Uint32Array | null,
    readonly sharedPrompt: SharedPrompt,
  ) {
    const { promptIds, sampler, stop } = request
    this.ids = [...promptIds]
    this.promptTokens = promptIds.length
    this.#endIds = heldBackIds(stop, hooks.eosIds)
    const { allowedIds: _, ...settings } = sampler
    this.#sampler = { ...settings, bannedIds: [], allowed: mask, history: null }
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

  /** The token on the GPU is the last one this sequence may have: nothing follows it. */
  get atEnd(): boolean {
    return this.length - this.promptTokens >= this.request.stop.maxTokens
  }

  /** Which ids a constraint lets be drawn next, of those that may be drawn at all. */
  constrain(allowed: Uint32Array | null): void {
    const { mask } = this
    this.#constrained = allowed && mask ? allowed.map((word, i) => word & mask[i]!) : allowed
  }

  /** Nothing of it is computed any more, and results of steps before are not taken for those of later ones. */
  startAgain(): void {
    this.epoch += 1
    this.computed = 0
    this.pending = 0
    this.counted = false
    this.refusedAt = -1
  }

  /** How the next id is drawn. */
  get sampler(): SamplerSettings {
    const early = this.length - this.promptTokens < this.request.stop.minTokens
    if (!early && !this.#constrained) return this.#sampler
    const allowed = this.#constrained ?? this.mask
    return { ...this.#sampler, bannedIds: early ? this.#endIds : [], allowed }
  }
}
