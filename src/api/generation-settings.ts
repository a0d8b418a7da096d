import { type ErrorCode, OctavoError } from '../util/octavo-error'
import type { WireGeneration } from '../worker/protocol'
import { streamOptionFields } from './request-fields'
import type { CallOptions, GenerationFields, StreamOptions } from './request-types'
import { built, checkFields, type Fields, having, isPlainObject, wrongValue } from './rules'

/** A request's steering, as each of its generations has it. */
export type GenerationSettings = Omit<WireGeneration, 'id' | 'prompt' | 'logprobs' | 'echo'>

const callFields = {
  signal: built(having('addEventListener', 'an AbortSignal')),
  onPrefill: built(having('call', 'a function')),
} satisfies Fields

/** Checks a body field by field, then what its fields ask for together. */
export function checkBody(fields: Fields, body: GenerationFields & { stream?: boolean | null }): void {
  if (!isPlainObject(body)) throw wrongValue('invalid-request', 'The request', body, 'an object')
  checkFields('invalid-request', '', fields, body)
  checkFields('invalid-request', 'stream_options.', streamOptionFields, body.stream_options ?? {})
  if (body.stream_options && !body.stream) {
    throw conflict(
      'stream_options stands in a request that is not streamed.',
      'Set stream to true, or leave it out.',
    )
  }
  if (body.stream && (body.prompt_logprobs ?? null) !== null) {
    throw conflict(
      'prompt_logprobs stands in a request that is streamed.',
      'Leave stream out: log-probabilities of the prompt come with a whole response.',
    )
  }
}

/** Checks what stands beside the body. */
export function checkCallOptions(options: CallOptions): void {
  if (!isPlainObject(options)) throw wrongValue('invalid-option', 'The second argument', options, 'an object')
  checkFields('invalid-option', '', callFields, options)
}

/** A required field. */
export function required<T>(code: ErrorCode, name: string, value: T | null | undefined): T {
  if (value !== null && value !== undefined) return value
  throw new OctavoError(code, `${name} is missing.`, `Give ${name}.`)
}

/** @param maxTokens as the request has it; without it `defaultMaxTokens` holds, or null: the context's end. */
export function generationSettings(
  body: GenerationFields,
  maxTokens: number | null,
  defaultMaxTokens: number | null,
): GenerationSettings {
  const mostTokens = maxTokens ?? defaultMaxTokens
  const minTokens = body.min_tokens ?? 0
  if (mostTokens !== null && minTokens > mostTokens) {
    throw conflict(
      `min_tokens is ${minTokens}, more than the ${mostTokens} tokens that the answer may have.`,
      'Lower min_tokens, or raise max_tokens.',
    )
  }
  return {
    sampler: {
      temperature: body.temperature ?? 1,
      topK: Math.max(0, body.top_k ?? 0),
      // A set of tokens with no probability would be empty; OpenAI's 0 means the best token.
      topP: Math.max(1e-6, body.top_p ?? 1),
      minP: body.min_p ?? 0,
      seed: seedBits(body.seed ?? randomSeed()),
      repetitionPenalty: body.repetition_penalty ?? 1,
      presencePenalty: body.presence_penalty ?? 0,
      frequencyPenalty: body.frequency_penalty ?? 0,
      logitBias: Object.entries(body.logit_bias ?? {}).map(([id, bias]) => [Number(id), bias] as const),
      allowedIds: body.allowed_token_ids ?? null,
    },
    stop: {
      maxTokens,
      defaultMaxTokens,
      minTokens,
      ignoreEos: body.ignore_eos ?? false,
      stopTokenIds: body.stop_token_ids ?? [],
      stopStrings: typeof body.stop === 'string' ? [body.stop] : (body.stop ?? []),
      includeStopString: body.include_stop_str_in_output ?? false,
    },
    promptLogprobs: body.prompt_logprobs ?? null,
    skipSpecialTokens: body.skip_special_tokens ?? true,
    priority: body.priority ?? 0,
    conversation: body.prompt_cache_key ?? null,
  }
}

/** The settings of one of several answers to a prompt: another seed, and a conversation goes on with the first. */
export function answerSettings(settings: GenerationSettings, answer: number): GenerationSettings {
  const { sampler, conversation } = settings
  return {
    ...settings,
    sampler: { ...sampler, seed: (sampler.seed + answer) >>> 0 },
    conversation: answer === 0 ? conversation : null,
  }
}

export function streamOptions(body: GenerationFields): Required<Omit<StreamOptions, 'include_obfuscation'>> {
  const { include_usage = false, continuous_usage_stats = false } = body.stream_options ?? {}
  return { include_usage: include_usage || continuous_usage_stats, continuous_usage_stats }
}

export function conflict(what: string, remedy: string): OctavoError {
  return new OctavoError('invalid-request', what, remedy)
}

/** A seed is 32 bits on the GPU; a larger one is folded. */
function seedBits(seed: number): number {
  return (seed ^ Math.floor(seed / 2 ** 32)) >>> 0
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!
}
