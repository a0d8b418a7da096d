/**
 * Fields of a request that steer the generation, with OpenAI's and vLLM's names and meanings. Null is as good as
 * leaving a field out.
 */
export interface GenerationFields {
  /** Any name; it comes back in the response. */
  model?: string | null
  /** 0 (always the best token) … 2. Default 1. */
  temperature?: number | null
  /** Draw from the best tokens whose probability reaches this, 0 … 1. Default 1: all. */
  top_p?: number | null
  /** Draw from this many best tokens; 0 or −1: all, the default. */
  top_k?: number | null
  /** Draw from tokens at least this probable relative to the best, 0 … 1. Default 0: all. */
  min_p?: number | null
  /** The same seed, request and device give the same tokens. Default: random. */
  seed?: number | null
  /**
   * Divides the logits of tokens that the prompt or the answer has where they are positive, multiplies them where
   * negative (vLLM's), 0.01 … 100. Above 1 such tokens get rarer. Default 1: nothing.
   */
  repetition_penalty?: number | null
  /** Taken off the logit of a token that the answer has, −2 … 2. Default 0. */
  presence_penalty?: number | null
  /** Taken off a token's logit for each time that the answer has it, −2 … 2. Default 0. */
  frequency_penalty?: number | null
  /** Added to the logits of up to 1,024 tokens, by id: −100 all but bans one, 100 all but forces it. */
  logit_bias?: Record<string, number> | null
  /** vLLM's: the answer is made of these tokens only. Name the end-of-text token among them for it to end by itself. */
  allowed_token_ids?: number[] | null
  /**
   * The longest answer, in tokens; it must fit into the context behind the prompt. Default: to the context's end for a
   * chat, 16 for a completion.
   */
  max_tokens?: number | null
  /** Do not stop before this many tokens. Default 0. */
  min_tokens?: number | null
  /** Text that ends the generation; it is not part of the answer. */
  stop?: string | string[] | null
  stop_token_ids?: number[] | null
  /** Keep the stop text in the answer. */
  include_stop_str_in_output?: boolean | null
  /** Go on past the model's end-of-text tokens. */
  ignore_eos?: boolean | null
  /** Leave special tokens out of the text. Default true. */
  skip_special_tokens?: boolean | null
  /** How many answers, 1 … 128, of which the prompt is computed once; all of them are taken, or the request is refused. */
  n?: number | null
  /** vLLM's: `prompt_token_ids` and `token_ids` in the response, as sampled, end-of-text tokens included. */
  return_token_ids?: boolean | null
  /** vLLM's: log-probabilities of the prompt's tokens and of this many best ones, 0 … 20. Not for streams. */
  prompt_logprobs?: number | null
  /** vLLM's: a request with a lower number goes before others, and gives way to them last. Default 0. */
  priority?: number | null
  /** The conversation that the request belongs to, for `engine.saveConversation`. */
  prompt_cache_key?: string | null
  stream_options?: StreamOptions | null
  /** Accepted; nothing is done with it. */
  user?: string
}

/** What a stream tells beside the text. */
export interface StreamOptions {
  /** One more chunk at the end, with `usage` and no choices; `usage: null` on the others. */
  include_usage?: boolean
  /** vLLM's: `usage` so far on every chunk. */
  continuous_usage_stats?: boolean
  /** Accepted: nothing is obfuscated. */
  include_obfuscation?: boolean
}

/** What stands beside the body of a request. */
export interface CallOptions {
  /** Aborting it ends the generation; the call, or the loop over its stream, throws 'aborted'. */
  signal?: AbortSignal
  /** How much of the prompt has been computed, for prompts that take more than one step. */
  onPrefill?: (progress: PrefillProgress) => void
}

/** Tokens of the prompt: computed so far, and all of them. */
export interface PrefillProgress {
  readonly doneTokens: number
  readonly totalTokens: number
}

/** Tokens that a request took, over all its answers. */
export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  prompt_tokens_details: {
    /** Of the prompt's tokens, those whose keys and values were in the cache already. */
    cached_tokens: number
  }
}

/** `stop`: the model's own end, a stop text or a stop token; `length`: `max_tokens`, or the context's end. */
export type FinishReason = 'stop' | 'length'

/** vLLM's: for each token of the prompt, what was there and the best ones, by id; null for the first. */
export type PromptLogprobs = (Record<
  string,
  { logprob: number; rank: number; decoded_token: string }
> | null)[]
