import type { SamplerSettings, TokenLogprobs } from '../model/step'
import type { TextSource } from './stop-text'

/** When a generation ends. */
export interface StopSettings {
  readonly maxTokens: number
  readonly minTokens: number
  /** Go on past the model's end-of-sequence ids. */
  readonly ignoreEos: boolean
  readonly stopTokenIds: readonly number[]
  /** Ends the text before the string, also where it spans tokens. */
  readonly stopStrings: readonly string[]
  readonly includeStopString: boolean
}

/** What must know an answer's ids before it can say which may follow: a grammar. */
export interface TokenConstraint {
  /**
   * Which ids may come next, as SamplerSettings.allowed. `ids` are the prompt and, from `promptTokens` on, the answer
   * so far; it is asked once for each id of the answer, in their order.
   */
  allowed(ids: readonly number[], promptTokens: number): Uint32Array | null
}

/** How a generation draws: what holds for all of its steps. */
export interface SamplingRequest extends Omit<SamplerSettings, 'bannedIds' | 'allowed' | 'history'> {
  /** Draw these ids only; null: any. */
  readonly allowedIds: readonly number[] | null
}

/** One generation, as the engine takes it. */
export interface GenerationRequest {
  /** Together with `stop.maxTokens` no more than the context holds. */
  readonly promptIds: readonly number[]
  readonly sampler: SamplingRequest
  /** Each id waits for the ones before it to be read; other generations run ahead meanwhile. */
  readonly constraint: TokenConstraint | null
  readonly stop: StopSettings
  /** Log-probabilities of each drawn id with this many best ids; null: none. */
  readonly logprobs: number | null
  /** Log-probabilities of the prompt's ids with this many best ids; null: none. */
  readonly promptLogprobs: number | null
  /** Show special tokens in the text. */
  readonly skipSpecialTokens: boolean
  /** The lower number goes first; 0 is ordinary. */
  readonly priority: number
  /** The conversation that it belongs to; null: none. */
  readonly conversation: string | null
}

export interface GenerationUsage {
  readonly promptTokens: number
  readonly completionTokens: number
}

/** What a generation reports, in order: prompt once, deltas, finish once. */
export type GenerationEvent =
  | {
      readonly type: 'prompt'
      /** The first is null: nothing precedes the first id. */
      readonly logprobs: readonly (TokenLogprobs | null)[] | null
      /** Tokens of the prompt that were found in the prefix cache and not computed again. */
      readonly cachedTokens: number
    }
  | { readonly type: 'prefill'; readonly done: number; readonly total: number }
  | {
      readonly type: 'delta'
      /** Text that is final: never half a character, never part of a stop string. May be empty. */
      readonly text: string
      readonly ids: readonly number[]
      readonly logprobs: readonly TokenLogprobs[]
    }
  | {
      readonly type: 'finish'
      readonly reason: 'stop' | 'length'
      /** vLLM's `stop_reason`: the stop string or stop token id that ended it; null for EOS or length. */
      readonly stopReason: string | number | null
      readonly usage: GenerationUsage
    }

export interface GenerateOptions {
  readonly signal: AbortSignal
  /** A fresh one for each generation. */
  readonly detokenizer: TextSource
  readonly eosIds: readonly number[]
  /** Events in order, those of one step together. */
  readonly onEvents: (events: readonly GenerationEvent[]) => void
}

/** One generation with what it needs beside the request. */
export interface Generation {
  readonly request: GenerationRequest
  readonly options: GenerateOptions
}

/** Counts that a page may show. */
export interface EngineStats {
  readonly runningSequences: number
  readonly waitingSequences: number
  readonly blocksInUse: number
  readonly blocks: number
  /** Blocks that no sequence holds, kept for prompts that begin with their tokens. */
  readonly cachedBlocks: number
  /** Tokens that were found in the prefix cache, and blocks that it gave up, since the load. */
  readonly prefixHitTokens: number
  readonly prefixEvictions: number
  readonly steps: number
  /** The GPU is gone, and generations wait for another. */
  readonly recovering: boolean
}
