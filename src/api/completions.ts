import type { WireLogprobs, WirePrompt } from '../worker/protocol'
import { type Answer, gatherAnswers, type ResponseHead, responseHead, UsageCount } from './answers'
import { CompletionStream } from './completion-stream'
import type {
  Completion,
  CompletionChoice,
  CompletionChunk,
  CompletionChunkChoice,
  CompletionLogprobs,
  CompletionRequest,
  CompletionStreamRequest,
} from './completion-types'
import type { Connection } from './connection'
import {
  answerSettings,
  checkBody,
  checkCallOptions,
  conflict,
  generationSettings,
  required,
  streamOptions,
} from './generation-settings'
import { Generations, type IndexedEvent } from './generations'
import { completionLogprobs, echoedLogprobs, endOffset, joinLogprobs, promptLogprobs } from './logprobs'
import { completionFields } from './request-fields'
import type { CallOptions } from './request-types'

type AnyCompletionRequest = CompletionRequest | CompletionStreamRequest

const defaultMaxTokens = 16

/** OpenAI's `completions`: goes on with a text, or with token ids, without a chat template. */
export class Completions {
  readonly #connection: Connection
  readonly #model: string

  /** @internal */
  constructor(connection: Connection, model: string) {
    this.#connection = connection
    this.#model = model
  }

  /**
   * Continues a prompt, or several: whole, or with `stream: true` as it is written.
   *
   * @throws OctavoError 'invalid-request' or 'unsupported-field' naming the field, 'invalid-option', 'context-too-long',
   * 'queue-full', 'unsupported-architecture' for a model that writes nothing, 'aborted', 'unloaded', 'device-lost',
   * 'worker-died'.
   * @example
   * const { choices } = await engine.completions.create({ prompt: 'Once upon a time', max_tokens: 64 })
   * show(choices[0].text)
   */
  create(body: CompletionStreamRequest, options?: CallOptions): Promise<CompletionStream<CompletionChunk>>
  create(body: CompletionRequest, options?: CallOptions): Promise<Completion>
  create(
    body: AnyCompletionRequest,
    options?: CallOptions,
  ): Promise<Completion | CompletionStream<CompletionChunk>>
  async create(
    body: AnyCompletionRequest,
    options: CallOptions = {},
  ): Promise<Completion | CompletionStream<CompletionChunk>> {
    checkCallOptions(options)
    checkBody(completionFields, body)
    const generations = await Generations.start(this.#connection, completionGenerations(body), options)
    const head = responseHead('cmpl', 'text_completion', body.model ?? this.#model)
    if (!body.stream) return wholeCompletion(generations, body, head)
    return new CompletionStream(completionChunks(generations, body, head), () => generations.abort())
  }
}

function completionGenerations(body: AnyCompletionRequest) {
  const { max_tokens: maxTokens = null, logprobs = null } = body
  if (maxTokens === 0 && !body.echo && (body.prompt_logprobs ?? null) === null) {
    throw conflict(
      'max_tokens is 0, and neither echo nor prompt_logprobs is set: there would be nothing to answer.',
      'Raise max_tokens.',
    )
  }
  const settings = generationSettings(body, maxTokens, defaultMaxTokens)
  return completionPrompts(body).flatMap((prompt) =>
    Array.from({ length: body.n ?? 1 }, (_, answer) => ({
      ...answerSettings(settings, answer),
      prompt,
      logprobs,
      promptLogprobs: settings.promptLogprobs ?? (body.echo ? logprobs : null),
      echo: body.echo ?? false,
    })),
  )
}

function completionPrompts(body: AnyCompletionRequest): WirePrompt[] {
  const prompt = required('invalid-request', 'prompt', body.prompt)
  const addBos = body.add_special_tokens ?? true
  const one = (each: string | number[]): WirePrompt =>
    typeof each === 'string' ? { kind: 'text', text: each, addBos } : { kind: 'ids', ids: each }
  if (typeof prompt === 'string' || isIds(prompt)) return [one(prompt)]
  return prompt.map(one)
}

function isIds(prompt: string[] | number[] | number[][]): prompt is number[] {
  return typeof prompt[0] === 'number'
}

async function wholeCompletion(
  generations: Generations,
  body: CompletionRequest,
  head: ResponseHead<'text_completion'>,
): Promise<Completion> {
  const usage = new UsageCount(generations, body.n ?? 1)
  const answers = await gatherAnswers(generations.events(), generations.accepted.length, usage)
  const choices = answers.map((answer, index) => completionChoice(answer, index, generations, body))
  return { ...head, choices, usage: usage.usage }
}

function completionChoice(
  answer: Answer,
  index: number,
  generations: Generations,
  body: CompletionRequest,
): CompletionChoice {
  const { promptIds, echo } = generations.accepted[index]!
  const prompt = echo && echoed(echo, answer.promptLogprobs, body)
  return {
    index,
    text: (echo?.text ?? '') + answer.text,
    logprobs: joined(prompt, answer.logprobs, body),
    finish_reason: answer.reason,
    stop_reason: answer.stopReason,
    ...(body.return_token_ids && { token_ids: answer.ids, prompt_token_ids: [...promptIds] }),
    ...((body.prompt_logprobs ?? null) !== null && {
      prompt_logprobs: promptLogprobs(answer.promptLogprobs),
    }),
  }
}

async function* completionChunks(
  generations: Generations,
  body: CompletionStreamRequest,
  head: ResponseHead<'text_completion'>,
): AsyncGenerator<CompletionChunk> {
  const { include_usage, continuous_usage_stats } = streamOptions(body)
  const count = new UsageCount(generations, body.n ?? 1)
  const chunk = (...choices: CompletionChunkChoice[]): CompletionChunk => ({
    ...head,
    choices,
    ...(include_usage && { usage: continuous_usage_stats ? count.usage : null }),
  })
  const choices = generations.accepted.map((accepted, index) => new ChunkedChoice(accepted, index, body))
  for await (const { index, event } of generations.events()) {
    count.count(index, event)
    const next = choices[index]!.next(event)
    if (next) yield chunk(next)
  }
  if (include_usage) yield { ...chunk(), usage: count.usage }
}

/** Makes one choice's chunks from its events; the first carries the prompt where it was asked for. */
class ChunkedChoice {
  readonly #accepted: Generations['accepted'][number]
  readonly #index: number
  readonly #body: CompletionStreamRequest
  /** Where the next token starts in the choice's text. */
  #offset = 0

  constructor(accepted: Generations['accepted'][number], index: number, body: CompletionStreamRequest) {
    this.#accepted = accepted
    this.#index = index
    this.#body = body
  }

  next(event: IndexedEvent['event']): CompletionChunkChoice | null {
    const { return_token_ids } = this.#body
    if (event.type === 'finish') {
      return { ...this.#choice('', null), finish_reason: event.reason, stop_reason: event.stopReason }
    }
    if (event.type === 'delta') {
      const logprobs = this.#logprobs(event.logprobs)
      if (event.text === '' && !logprobs && !return_token_ids) return null
      return { ...this.#choice(event.text, logprobs), ...(return_token_ids && { token_ids: [...event.ids] }) }
    }
    const { echo, promptIds } = this.#accepted
    if (!echo && !return_token_ids) return null
    const logprobs = echo && echoed(echo, event.logprobs ?? [], this.#body)
    if (logprobs) this.#offset = endOffset(logprobs, this.#offset)
    return {
      ...this.#choice(echo?.text ?? '', logprobs),
      ...(return_token_ids && { prompt_token_ids: [...promptIds], token_ids: [] }),
    }
  }

  #logprobs(tokens: readonly WireLogprobs[]): CompletionLogprobs | null {
    if ((this.#body.logprobs ?? null) === null) return null
    const logprobs = completionLogprobs(tokens, this.#offset)
    this.#offset = endOffset(logprobs, this.#offset)
    return logprobs
  }

  #choice(text: string, logprobs: CompletionLogprobs | null): CompletionChunkChoice {
    return { index: this.#index, text, logprobs, finish_reason: null }
  }
}

function echoed(
  echo: { readonly firstToken: Uint8Array },
  tokens: readonly (WireLogprobs | null)[],
  body: AnyCompletionRequest,
): CompletionLogprobs | null {
  return (body.logprobs ?? null) === null ? null : echoedLogprobs(echo.firstToken, tokens)
}

function joined(
  prompt: CompletionLogprobs | null,
  tokens: readonly WireLogprobs[],
  body: AnyCompletionRequest,
): CompletionLogprobs | null {
  if ((body.logprobs ?? null) === null) return null
  const answer = completionLogprobs(tokens, prompt ? endOffset(prompt, 0) : 0)
  return prompt ? joinLogprobs(prompt, answer) : answer
}
