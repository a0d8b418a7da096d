import type { UnbuiltChatFields } from './request-fields'
import type { FinishReason, GenerationFields, PromptLogprobs, Usage } from './request-types'

/** A part of a message's content. Only text is read; other types are refused by name. */
export interface ContentPart {
  type: string
  text?: string
}

/**
 * One message of a conversation; which roles a model knows is in its chat template. `developer` is passed on as `system`;
 * `function` is in OpenAI's types and is refused.
 */
export interface ChatMessage {
  role: 'system' | 'developer' | 'user' | 'assistant' | 'tool' | 'function'
  content?: string | ContentPart[] | null
  name?: string | null
  /** Of a tool's answer: the call it answers. */
  tool_call_id?: string
  refusal?: string | null
  tool_calls?: unknown
  function_call?: unknown
  audio?: unknown
}

interface ChatRequestBase extends GenerationFields, UnbuiltChatFields {
  messages: ChatMessage[]
  /** The longest answer, in tokens; `max_tokens` is its older name. Default: to the context's end. */
  max_completion_tokens?: number | null
  /** Log-probabilities of the answer's tokens. */
  logprobs?: boolean | null
  /** With `logprobs`: and of this many best tokens at each, 0 … 20. */
  top_logprobs?: number | null
  /** End the prompt with the start of the model's turn. Default true. */
  add_generation_prompt?: boolean | null
  /** Leave the last message open, for the model to continue it; needs `add_generation_prompt: false`. */
  continue_final_message?: boolean | null
  /** Further variables of the chat template. */
  chat_template_kwargs?: Record<string, unknown> | null
}

/** OpenAI's request for a chat's answer, with vLLM's fields. */
export interface ChatCompletionRequest extends ChatRequestBase {
  stream?: false | null
}

/** The same, for an answer that comes as it is written. */
export interface ChatCompletionStreamRequest extends ChatRequestBase {
  stream: true
}

/** A token and its log-probability, natural, as the model gives it before sampling changes it. */
export interface TopLogprob {
  /** The token's text; bytes that are no whole character are written `\xe2`. */
  token: string
  /** UTF-8. */
  bytes: number[]
  logprob: number
}

/** That of a token of the answer, and of the best tokens in its place, best first. */
export interface TokenLogprob extends TopLogprob {
  top_logprobs: TopLogprob[]
}

/** Of the answer's tokens, in order. */
export interface ChatLogprobs {
  content: TokenLogprob[]
  refusal: null
}

/** One of the `n` answers. */
export interface ChatCompletionChoice {
  index: number
  message: { role: 'assistant'; content: string; refusal: null }
  logprobs: ChatLogprobs | null
  finish_reason: FinishReason
  /** vLLM's: the stop text or stop token that ended the answer; null for the model's own end, or length. */
  stop_reason: string | number | null
  /** With `return_token_ids`. */
  token_ids?: number[]
}

/** OpenAI's answer, whole. */
export interface ChatCompletion {
  id: string
  object: 'chat.completion'
  /** Seconds since 1970. */
  created: number
  model: string
  choices: ChatCompletionChoice[]
  usage: Usage
  /** With `prompt_logprobs`. */
  prompt_logprobs?: PromptLogprobs
  /** With `return_token_ids`. */
  prompt_token_ids?: number[]
}

/** What has been added to one of the answers. */
export interface ChatCompletionChunkChoice {
  index: number
  delta: { role?: 'assistant'; content?: string }
  logprobs: ChatLogprobs | null
  finish_reason: FinishReason | null
  /** On the last chunk of a choice. */
  stop_reason?: string | number | null
  /** With `return_token_ids`: the ids of this chunk. */
  token_ids?: number[]
}

/** A piece of OpenAI's answer, as a stream gives it. */
export interface ChatCompletionChunk {
  id: string
  object: 'chat.completion.chunk'
  created: number
  model: string
  /** Empty on the chunk that carries the usage. */
  choices: ChatCompletionChunkChoice[]
  usage?: Usage | null
  /** With `return_token_ids`, on the first chunk. */
  prompt_token_ids?: number[]
}
