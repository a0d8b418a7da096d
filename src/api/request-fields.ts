import {
  anyOf,
  boolean,
  built,
  emptyList,
  emptyObject,
  type Fields,
  filledString,
  integer,
  listOf,
  number,
  oneOf,
  plainObject,
  type Rule,
  string,
  unbuilt,
} from './rules'

const count = integer(1)
const tokenId = integer(0, 2 ** 32 - 1)
const topTokens = integer(0, 20)
/** Null alone: whatever else is given asks for something. */
const anything = unbuilt()

const generationFields = {
  model: built(string),
  temperature: built(number(0, 2)),
  top_p: built(number(0, 1)),
  top_k: built(integer(-1)),
  min_p: built(number(0, 1)),
  seed: built(integer()),
  repetition_penalty: built(number(0.01, 100)),
  presence_penalty: built(number(-2, 2)),
  frequency_penalty: built(number(-2, 2)),
  logit_bias: built(tokenBiases(1024)),
  allowed_token_ids: built(listOf(tokenId, 1)),
  max_tokens: built(count),
  min_tokens: built(integer(0)),
  stop: built(anyOf(filledString, listOf(filledString))),
  stop_token_ids: built(listOf(tokenId)),
  include_stop_str_in_output: built(boolean),
  ignore_eos: built(boolean),
  skip_special_tokens: built(boolean),
  n: built(integer(1, 128)),
  return_token_ids: built(boolean),
  priority: built(integer(-(2 ** 31), 2 ** 31 - 1)),
  prompt_logprobs: built(topTokens),
  prompt_cache_key: built(filledString),
  stream: built(boolean),
  stream_options: built(plainObject),
  user: built(string),
} satisfies Fields

const unbuiltGenerationFields = {
  bad_words: unbuilt(emptyList),
  cache_salt: anything,
  ec_transfer_params: anything,
  guided_choice: anything,
  guided_grammar: anything,
  guided_json: anything,
  guided_regex: anything,
  kv_transfer_params: anything,
  length_penalty: unbuilt(oneOf(1)),
  logits_processors: unbuilt(emptyList),
  logprob_token_ids: unbuilt(emptyList),
  repetition_detection: anything,
  request_id: anything,
  response_format: unbuilt(objectOfType('text')),
  return_token_offsets: unbuilt(oneOf(false)),
  return_tokens_as_token_ids: unbuilt(oneOf(false)),
  spaces_between_special_tokens: unbuilt(oneOf(true)),
  structured_outputs: anything,
  thinking_token_budget: unbuilt(oneOf(-1)),
  truncate_prompt_tokens: anything,
  truncation_side: anything,
  use_beam_search: unbuilt(oneOf(false)),
  vllm_xargs: unbuilt(emptyObject),
} satisfies Fields

const unbuiltChatFields = {
  ...unbuiltGenerationFields,
  add_special_tokens: unbuilt(oneOf(false)),
  audio: anything,
  chat_template: anything,
  documents: unbuilt(emptyList),
  echo: unbuilt(oneOf(false)),
  function_call: unbuilt(oneOf('none', 'auto')),
  functions: unbuilt(emptyList),
  include_reasoning: unbuilt(oneOf(true)),
  media_io_kwargs: unbuilt(emptyObject),
  metadata: unbuilt(plainObject),
  mm_processor_kwargs: unbuilt(emptyObject),
  modalities: unbuilt(listOf(oneOf('text'))),
  moderation: anything,
  parallel_tool_calls: unbuilt(boolean),
  prediction: anything,
  prompt_cache_options: unbuilt(emptyObject),
  prompt_cache_retention: unbuilt(oneOf('in_memory')),
  reasoning_effort: anything,
  return_assistant_tokens_mask: unbuilt(oneOf(false)),
  return_prompt_text: unbuilt(oneOf(false)),
  safety_identifier: unbuilt(string),
  service_tier: unbuilt(oneOf('auto', 'default')),
  store: unbuilt(oneOf(false)),
  tool_choice: unbuilt(oneOf('none', 'auto')),
  tools: unbuilt(emptyList),
  verbosity: unbuilt(oneOf('medium')),
  web_search_options: anything,
} satisfies Fields

const unbuiltCompletionFields = {
  ...unbuiltGenerationFields,
  best_of: unbuilt(oneOf(1)),
  prompt_embeds: anything,
  suffix: unbuilt(oneOf('')),
} satisfies Fields

/**
 * Chat fields known to OpenAI or vLLM that are accepted where they ask for nothing (null, or their default), and
 * otherwise refused by name with the code 'unsupported-field'.
 */
export type UnbuiltChatFields = { [Name in keyof typeof unbuiltChatFields]?: unknown }

/** As UnbuiltChatFields, for completions. */
export type UnbuiltCompletionFields = { [Name in keyof typeof unbuiltCompletionFields]?: unknown }

export const chatFields = {
  ...generationFields,
  ...unbuiltChatFields,
  messages: built(listOf(plainObject, 1)),
  max_completion_tokens: built(count),
  logprobs: built(boolean),
  top_logprobs: built(topTokens),
  add_generation_prompt: built(boolean),
  continue_final_message: built(boolean),
  chat_template_kwargs: built(plainObject),
} satisfies Fields

export const completionFields = {
  ...generationFields,
  ...unbuiltCompletionFields,
  prompt: built(anyOf(string, listOf(string, 1), listOf(tokenId, 1), listOf(listOf(tokenId, 1), 1))),
  max_tokens: built(integer(0)),
  logprobs: built(topTokens),
  echo: built(boolean),
  add_special_tokens: built(boolean),
} satisfies Fields

/** Of one text at most so many tokens; −1: as many as the model takes. */
const truncation = integer(-1)

export const embeddingFields = {
  model: built(string),
  input: built(anyOf(string, listOf(string, 1), listOf(tokenId, 1), listOf(listOf(tokenId, 1), 1))),
  encoding_format: built(oneOf('float', 'base64')),
  dimensions: built(count),
  user: built(string),
  truncate_prompt_tokens: built(truncation),
  prompt_name: built(filledString),
  add_special_tokens: unbuilt(oneOf(true)),
  embed_dtype: unbuilt(oneOf('float32')),
  endianness: unbuilt(oneOf('native', 'little')),
  messages: anything,
  mm_processor_kwargs: unbuilt(emptyObject),
  normalize: anything,
  priority: unbuilt(oneOf(0)),
  request_id: anything,
} satisfies Fields

export const rerankFields = {
  model: built(string),
  query: built(string),
  documents: built(listOf(anyOf(string, plainObject), 1)),
  top_n: built(count),
  return_documents: built(boolean),
  truncate_prompt_tokens: built(truncation),
  user: built(string),
  max_chunks_per_doc: anything,
  max_tokens_per_doc: anything,
  mm_processor_kwargs: unbuilt(emptyObject),
  priority: unbuilt(oneOf(0)),
  rank_fields: anything,
  request_id: anything,
} satisfies Fields

export const documentFields = { text: built(string) } satisfies Fields

export const streamOptionFields = {
  include_usage: built(boolean),
  continuous_usage_stats: built(boolean),
  include_obfuscation: built(boolean),
} satisfies Fields

export const messageFields = {
  role: built(oneOf('system', 'developer', 'user', 'assistant', 'tool')),
  content: built(anyOf(string, listOf(plainObject))),
  name: built(string),
  tool_call_id: built(string),
  refusal: anything,
  annotations: unbuilt(emptyList),
  audio: anything,
  function_call: anything,
  tool_calls: unbuilt(emptyList),
} satisfies Fields

export const textPartFields = {
  type: built(oneOf('text')),
  text: built(string),
  prompt_cache_breakpoint: unbuilt(emptyObject),
} satisfies Fields

function tokenBiases(most: number): Rule {
  const bias = number(-100, 100)
  return {
    expected: `an object of at most ${most} token ids, the value of each ${bias.expected}`,
    accepts: (value) =>
      plainObject.accepts(value) &&
      Object.keys(value as object).length <= most &&
      Object.entries(value as object).every(
        ([id, each]) => /^(0|[1-9]\d*)$/.test(id) && tokenId.accepts(Number(id)) && bias.accepts(each),
      ),
  }
}

function objectOfType(type: string): Rule {
  return {
    expected: `{ "type": "${type}" }`,
    accepts: (value) => plainObject.accepts(value) && (value as { type?: unknown }).type === type,
  }
}
