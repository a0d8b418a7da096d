/** How the next id is drawn from the logits of one row. */
export interface SamplerSettings {
  /** 0 is greedy: the best id, the lowest one among equals. */
  readonly temperature: number
  /** Keep the k best ids (ties of the k-th are kept too); 0 keeps all. */
  readonly topK: number
  /** Keep the smallest set of best ids whose probability reaches this; 1 keeps all. */
  readonly topP: number
  /** Keep ids at least this probable relative to the best; 0 keeps all. */
  readonly minP: number
  /** unsigned 32-bit; the draw is a function of seed, position, logits and, under penalties, the ids before it. */
  readonly seed: number
  /**
   * The logit of an id that the prompt or the answer has is divided by it where positive, multiplied where negative
   * (Keskar et al. 2019, arXiv:1909.05858, with vLLM's treatment of signs); 1 is none.
   */
  readonly repetitionPenalty: number
  /** Taken off the logit of an id that the answer has (OpenAI's definition); 0 is none. */
  readonly presencePenalty: number
  /** Taken off a logit for each time that the answer has the id (OpenAI's definition); 0 is none. */
  readonly frequencyPenalty: number
  /** Added to the logits of these ids, each given once, before the penalties; at most `maxBiases`. */
  readonly logitBias: readonly (readonly [id: number, bias: number])[]
  /** Ids that must not be drawn at this step (stop ids under `min_tokens`); at most `maxBannedIds`. */
  readonly bannedIds: readonly number[]
  /**
   * Bit i % 32 of word ⌊i / 32⌋ says that id i may be drawn; null: each may. At least one id is allowed and not banned.
   */
  readonly allowed: Uint32Array | null
  /**
   * Under penalties, at the first draw in a slot: the ids that they see. From then on the GPU counts what it draws.
   * null: as counted, or there are no penalties.
   */
  readonly history: SamplingHistory | null
}

/** The ids of a sequence before a draw, the prompt's first. */
export interface SamplingHistory {
  readonly ids: readonly number[]
  readonly promptTokens: number
}

/** The best id, and nothing else asked for. */
export const greedy: SamplerSettings = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  seed: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: [],
  bannedIds: [],
  allowed: null,
  history: null,
}

/** Natural-log probabilities of one position, over the whole vocabulary, of the raw logits. */
export interface TokenLogprobs {
  /** The id that was asked about: sampled, or given in the prompt. */
  readonly id: number
  readonly logprob: number
  /** 1 for the best id. */
  readonly rank: number
  /** The best ids, best first. */
  readonly top: readonly { readonly id: number; readonly logprob: number }[]
}

/** A run of consecutive tokens of one sequence, computed in one step. */
export interface StepChunk {
  /** The sequence's place in the runner, 0 … maxSequences − 1, its own from its first chunk to its last. */
  readonly slot: number
  /** Position of the first token in its sequence; everything before it is in the KV cache, and in the slot's state. */
  readonly start: number
  /** The chunk's tokens; 'sampled' is the one id that the step before drew for this slot, which never left the GPU. */
  readonly ids: readonly number[] | 'sampled'
  /**
   * The sequence's block table: enough blocks for `start + length` tokens. It is the table itself, which goes on to
   * change: the runner reads it before `run` returns.
   */
  readonly blocks: readonly number[]
  /** To be done before the step: block `to`, in all layers, becomes what block `from` was before the step. */
  readonly copyBlock: { readonly from: number; readonly to: number } | null
  /** To be done before the step: the slot's recurrent state becomes what that of this slot was before the step. */
  readonly copyState: number | null
  /** Draw an id after the chunk's last token; null inside a prompt. */
  readonly sampler: SamplerSettings | null
  /** Also report the drawn id's log-probability and this many best ids (0 … 20); null: nothing. */
  readonly logprobs: number | null
  /**
   * Report, for every token of the chunk, the log-probability of the id after it: `targets[i]` follows token i.
   * A chunk with targets has at most `maxLogitRows` tokens.
   */
  readonly promptLogprobs: { readonly targets: readonly number[]; readonly top: number } | null
}

/** What a step gave for one of its chunks, in the chunks' order. */
export interface ChunkResult {
  readonly sampledId: number | null
  readonly logprobs: TokenLogprobs | null
  readonly promptLogprobs: readonly TokenLogprobs[]
}

/** What the scheduler must respect. */
export interface RunnerLimits {
  /** Sequences that can have a slot at once. */
  readonly maxSequences: number
  /** Tokens of one step, over all chunks. */
  readonly maxBatchTokens: number
  /** Logit rows of one step: one for each chunk with a sampler, and one for each token with a target. */
  readonly maxLogitRows: number
  /** Tokens a KV block holds. */
  readonly blockSize: number
  readonly blocks: number
  /** Tokens of one sequence, prompt and answer. */
  readonly maxContext: number
  readonly vocabSize: number
  /**
   * Layers keep a recurrent state of a sequence in its slot: all of its tokens have gone through that slot, in order,
   * or through one whose state was copied. KV blocks of a beginning are of no use without it.
   */
  readonly hasState: boolean
}

/** Runs batches on the GPU. */
export interface Runner {
  readonly limits: RunnerLimits
  /** Submits the step at once, in the order of the calls; resolves when its ids are read back. */
  run(chunks: readonly StepChunk[]): Promise<readonly ChunkResult[]>
  /** Whether the GPU has been taken away. Asked where a step has failed, of which the failure says nothing then. */
  isLost(): Promise<boolean>
}
