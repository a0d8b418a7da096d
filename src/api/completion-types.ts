import type { UnbuiltCompletionFields } from './request-fields'
import type { FinishReason, GenerationFields, PromptLogprobs, Usage } from './request-types'

interface CompletionRequestBase extends GenerationFields, UnbuiltCompletionFields {
  /** A text, its token ids, or several of either: their answers are choices in the order of the prompts. */
  prompt: string | string[] | number[] | number[][] | null
  /** Log-probabilities of the answer's tokens and of this many best ones at each, 0 … 20. */
  logprobs?: number | null
  /**
   * Begin the answer with the prompt. With it, or with `prompt_logprobs`, `max_tokens` may be 0: the prompt is only
   * scored.
   */
  echo?: boolean | null
  /** Put the model's begin-of-text token before a text, where the model asks for it. Default true. */
  add_special_tokens?: boolean | null
}

/** OpenAI's request to continue a text, with vLLM's fields. */
export interface CompletionRequest extends CompletionRequestBase {
  stream?: false | null
}

/** The same, for a text that comes as it is written. */
export interface CompletionStreamRequest extends CompletionRequestBase {
  stream: true
}

/** One entry for each token. A token whose bytes are no whole characters is written `bytes:\xe2\x80`. */
export interface CompletionLogprobs {
  tokens: string[]
  /** Null for the first token of an echoed prompt: nothing precedes it. */
  token_logprobs: (number | null)[]
  /** The best tokens, and the token itself. */
  top_logprobs: (Record<string, number> | null)[]
  /** Where each token starts, counting the text of the tokens before it. */
  text_offset: number[]
}

/** One of the `n` texts behind one of the prompts. */
export interface CompletionChoice {
  index: number
  text: string
  logprobs: CompletionLogprobs | null
  finish_reason: FinishReason
  /** vLLM's: the stop text or stop token that ended the answer; null for the model's own end, or length. */
  stop_reason: string | number | null
  /** With `return_token_ids`. */
  token_ids?: number[]
  /** With `return_token_ids`. */
  prompt_token_ids?: number[]
  /** With `prompt_logprobs`. */
  prompt_logprobs?: PromptLogprobs
}

/** OpenAI's answer, whole. */
export interface Completion {
  id: string
  object: 'text_completion'
  /** Seconds since 1970. */
  created: number
  model: string
  choices: CompletionChoice[]
  usage: Usage
}

/** What has been added to one of the texts. */
export interface CompletionChunkChoice {
  index: number
  text: string
  logprobs: CompletionLogprobs | null
  finish_reason: FinishReason | null
  /** On the last chunk of a choice. */
  stop_reason?: string | number | null
  /** With `return_token_ids`: the ids of this chunk. */
  token_ids?: number[]
  /** With `return_token_ids`, on the first chunk of a choice. */
  prompt_token_ids?: number[]
}

/** A piece of OpenAI's answer, as a stream gives it. */
export interface CompletionChunk {
  id: string
  object: 'text_completion'
  created: number
  model: string
  /** Empty on the chunk that carries the usage. */
  choices: CompletionChunkChoice[]
  usage?: Usage | null
}
