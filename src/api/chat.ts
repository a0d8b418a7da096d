import type { WireMessage, WirePrompt } from '../worker/protocol'
import { type Answer, gatherAnswers, type ResponseHead, responseHead, UsageCount } from './answers'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionChunkChoice,
  ChatCompletionRequest,
  ChatCompletionStreamRequest,
  ChatMessage,
  ContentPart,
} from './chat-types'
import { CompletionStream } from './completion-stream'
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
import { type GenerationEvent, Generations } from './generations'
import { chatLogprobs, promptLogprobs } from './logprobs'
import { chatFields, messageFields, textPartFields } from './request-fields'
import type { CallOptions } from './request-types'
import { checkFields, unsupported, wrongValue } from './rules'

type AnyChatRequest = ChatCompletionRequest | ChatCompletionStreamRequest

/** OpenAI's `chat.completions`, answered by the loaded model. */
export class ChatCompletions {
  readonly #connection: Connection
  readonly #model: string

  /** @internal */
  constructor(connection: Connection, model: string) {
    this.#connection = connection
    this.#model = model
  }

  /**
   * Answers a conversation: whole, or with `stream: true` as it is written.
   *
   * @throws OctavoError 'invalid-request' or 'unsupported-field' naming the field, 'invalid-option', 'context-too-long',
   * 'queue-full', 'unsupported-architecture' for a model that writes nothing, 'aborted', 'unloaded', 'device-lost',
   * 'worker-died'.
   * @example
   * const answer = await engine.chat.completions.create({ messages: [{ role: 'user', content: 'Hello' }] })
   * show(answer.choices[0].message.content)
   */
  create(
    body: ChatCompletionStreamRequest,
    options?: CallOptions,
  ): Promise<CompletionStream<ChatCompletionChunk>>
  create(body: ChatCompletionRequest, options?: CallOptions): Promise<ChatCompletion>
  create(
    body: AnyChatRequest,
    options?: CallOptions,
  ): Promise<ChatCompletion | CompletionStream<ChatCompletionChunk>>
  async create(
    body: AnyChatRequest,
    options: CallOptions = {},
  ): Promise<ChatCompletion | CompletionStream<ChatCompletionChunk>> {
    checkCallOptions(options)
    checkBody(chatFields, body)
    const generations = await Generations.start(this.#connection, chatGenerations(body), options)
    const model = body.model ?? this.#model
    if (!body.stream) return wholeChat(generations, body, responseHead('chatcmpl', 'chat.completion', model))
    const head = responseHead('chatcmpl', 'chat.completion.chunk', model)
    return new CompletionStream(chatChunks(generations, body, head), () => generations.abort())
  }
}

function chatGenerations(body: AnyChatRequest) {
  const settings = generationSettings(body, maxTokens(body), null)
  if (body.top_logprobs && !body.logprobs) {
    throw conflict(
      'top_logprobs asks for what logprobs does not.',
      'Set logprobs to true, or leave top_logprobs out.',
    )
  }
  const prompt = chatPrompt(body)
  const logprobs = body.logprobs ? (body.top_logprobs ?? 0) : null
  return Array.from({ length: body.n ?? 1 }, (_, answer) => ({
    ...answerSettings(settings, answer),
    prompt,
    logprobs,
    echo: false,
  }))
}

function maxTokens({ max_tokens = null, max_completion_tokens = null }: AnyChatRequest): number | null {
  if (max_tokens !== null && max_completion_tokens !== null && max_tokens !== max_completion_tokens) {
    throw conflict(
      `max_completion_tokens is ${max_completion_tokens} and max_tokens, its older name, is ${max_tokens}.`,
      'Give one of them.',
    )
  }
  return max_completion_tokens ?? max_tokens
}

function chatPrompt(body: AnyChatRequest): WirePrompt {
  const continueFinalMessage = body.continue_final_message ?? false
  if (continueFinalMessage && (body.add_generation_prompt ?? true)) {
    throw conflict(
      'continue_final_message and add_generation_prompt exclude each other.',
      'To continue the last message, set add_generation_prompt to false.',
    )
  }
  return {
    kind: 'chat',
    messages: required('invalid-request', 'messages', body.messages).map(wireMessage),
    addGenerationPrompt: body.add_generation_prompt ?? true,
    continueFinalMessage,
    variables: body.chat_template_kwargs ?? {},
  }
}

function wireMessage(message: ChatMessage, index: number): WireMessage {
  const where = `messages[${index}].`
  checkFields('invalid-request', where, messageFields, message)
  const { role, content, name, tool_call_id } = message
  if (role !== 'assistant' || content !== null) required('invalid-request', `${where}content`, content)
  return {
    // Templates know a system role only; OpenAI's `developer` is its newer name.
    role: required('invalid-request', `${where}role`, role) === 'developer' ? 'system' : role,
    content: Array.isArray(content) ? joinedText(`${where}content`, content) : (content ?? ''),
    ...(name ? { name } : {}),
    ...(tool_call_id ? { tool_call_id } : {}),
  }
}

/** The text of several parts, joined by line breaks as vLLM does. */
function joinedText(where: string, parts: readonly ContentPart[]): string {
  return parts
    .map(({ type, ...rest }, index) => {
      const part = `${where}[${index}].`
      if (typeof type !== 'string') throw wrongValue('invalid-request', `${part}type`, type, '"text"')
      if (type !== 'text') throw unsupported(`${part}type`, type, '"text"')
      checkFields('invalid-request', part, textPartFields, rest)
      return required('invalid-request', `${part}text`, rest.text)
    })
    .join('\n')
}

async function wholeChat(
  generations: Generations,
  body: ChatCompletionRequest,
  head: ResponseHead<'chat.completion'>,
): Promise<ChatCompletion> {
  const count = body.n ?? 1
  const usage = new UsageCount(generations, count)
  const answers = await gatherAnswers(generations.events(), count, usage)
  const [first] = answers
  const { promptIds } = generations.accepted[0]!
  return {
    ...head,
    choices: answers.map((answer, index) => chatChoice(answer, index, body)),
    usage: usage.usage,
    ...((body.prompt_logprobs ?? null) !== null && {
      prompt_logprobs: promptLogprobs(first!.promptLogprobs),
    }),
    ...(body.return_token_ids && { prompt_token_ids: [...promptIds] }),
  }
}

function chatChoice(
  answer: Answer,
  index: number,
  body: ChatCompletionRequest,
): ChatCompletion['choices'][number] {
  return {
    index,
    message: { role: 'assistant', content: answer.text, refusal: null },
    logprobs: body.logprobs ? chatLogprobs(answer.logprobs) : null,
    finish_reason: answer.reason,
    stop_reason: answer.stopReason,
    ...(body.return_token_ids && { token_ids: answer.ids }),
  }
}

async function* chatChunks(
  generations: Generations,
  body: ChatCompletionStreamRequest,
  head: ResponseHead<'chat.completion.chunk'>,
): AsyncGenerator<ChatCompletionChunk> {
  const { include_usage, continuous_usage_stats } = streamOptions(body)
  const count = new UsageCount(generations, body.n ?? 1)
  const chunk = (...choices: ChatCompletionChunkChoice[]): ChatCompletionChunk => ({
    ...head,
    choices,
    ...(include_usage && { usage: continuous_usage_stats ? count.usage : null }),
  })
  for (const [index, { promptIds }] of generations.accepted.entries()) {
    yield {
      ...chunk(choice(index, { role: 'assistant', content: '' })),
      ...(body.return_token_ids && index === 0 && { prompt_token_ids: [...promptIds] }),
    }
  }
  for await (const { index, event } of generations.events()) {
    count.count(index, event)
    const next = chunkChoice(index, event, body)
    if (next) yield chunk(next)
  }
  if (include_usage) yield { ...chunk(), usage: count.usage }
}

function chunkChoice(
  index: number,
  event: GenerationEvent,
  body: ChatCompletionStreamRequest,
): ChatCompletionChunkChoice | null {
  if (event.type === 'prompt') return null
  if (event.type === 'finish') {
    return { ...choice(index, {}), finish_reason: event.reason, stop_reason: event.stopReason }
  }
  if (event.text === '' && !body.logprobs && !body.return_token_ids) return null
  return {
    ...choice(index, { content: event.text }),
    logprobs: body.logprobs ? chatLogprobs(event.logprobs) : null,
    ...(body.return_token_ids && { token_ids: [...event.ids] }),
  }
}

function choice(index: number, delta: ChatCompletionChunkChoice['delta']): ChatCompletionChunkChoice {
  return { index, delta, logprobs: null, finish_reason: null }
}
