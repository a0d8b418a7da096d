import type { ChatCompletionChunk, ChatMessage, CompletionStream, Engine, Usage } from 'octavo'
import { toOctavoError } from '../errors/unexpected'
import type { Settings } from '../settings/settings'
import type { AnswerEnd } from './conversation'

/** Measured at the page, while an answer is written and after. */
export interface AnswerFigures {
  /** From sending to the first token; null until it is there. */
  readonly firstTokenMs: number | null
  /** After the first token; null until there is a second. */
  readonly tokensPerSecond: number | null
  readonly promptTokens: number
  readonly answerTokens: number
  /** Of the prompt's tokens, those that the model had read before. */
  readonly cachedTokens: number
}

export interface AnswerRequest {
  readonly engine: Pick<Engine, 'info' | 'chat'>
  readonly messages: ChatMessage[]
  /** The engine's name for the conversation. */
  readonly cacheKey: string
  /** What the answer waits for. */
  readonly ready: Promise<void>
  /** The last message is an answer that is to go on. */
  readonly continues: boolean
  readonly settings: Pick<Settings, 'temperature' | 'maxTokens'>
  readonly signal: AbortSignal
  readonly onText: (text: string) => void
  readonly onFigures: (figures: AnswerFigures) => void
  /** Share of the prompt that has been read, 0 … 1. */
  readonly onPrefill: (share: number) => void
  /** Milliseconds. */
  readonly now?: () => number
}

/** Tokens less likely than all that make up this probability are never drawn: small models stray otherwise. */
const topP = 0.95

/** Has the model answer and tells of it as it goes; says how it ended, also if by an error. */
export async function answer(request: AnswerRequest): Promise<AnswerEnd> {
  const { engine, now = () => performance.now() } = request
  const pace = new Pace(now)
  let usage: Usage | null = null
  let reason: 'stop' | 'length' | null = null
  try {
    await Promise.race([request.ready, aborted(request.signal)])
    const stream = await begin(request)
    for await (const { choices, usage: counted } of stream) {
      usage = counted ?? usage
      if (usage) request.onFigures(pace.figures(usage))
      const [choice] = choices
      if (choice?.delta.content) request.onText(choice.delta.content)
      reason = choice?.finish_reason ?? reason
    }
  } catch (error) {
    const { code, message, remedy } = toOctavoError(error)
    return code === 'aborted' ? { kind: 'stopped' } : { kind: 'error', code, message, remedy }
  }
  if (reason !== 'length') return { kind: reason === null ? 'stopped' : 'done' }
  const full = usage !== null && usage.total_tokens >= engine.info.model.contextLength - 1
  return { kind: full ? 'context' : 'length' }
}

/** Asks for an answer of the settings' length, or where the context has no room for it, of what there is. */
async function begin(request: AnswerRequest): Promise<CompletionStream<ChatCompletionChunk>> {
  const { engine, settings, signal } = request
  const ask = (maxTokens: number | null) =>
    engine.chat.completions.create(
      {
        messages: request.messages,
        prompt_cache_key: request.cacheKey,
        stream: true,
        stream_options: { include_usage: true, continuous_usage_stats: true },
        temperature: settings.temperature,
        top_p: topP,
        max_completion_tokens: maxTokens,
        ...(request.continues && { add_generation_prompt: false, continue_final_message: true }),
      },
      { signal, onPrefill: ({ doneTokens, totalTokens }) => request.onPrefill(doneTokens / totalTokens) },
    )
  try {
    return await ask(settings.maxTokens)
  } catch (error) {
    if (settings.maxTokens === null || toOctavoError(error).code !== 'context-too-long') throw error
    return ask(null)
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** When tokens came. */
class Pace {
  readonly #now: () => number
  readonly #startMs: number
  #first: { readonly atMs: number; readonly tokens: number } | null = null
  #last: { readonly atMs: number; readonly tokens: number } | null = null

  constructor(now: () => number) {
    this.#now = now
    this.#startMs = now()
  }

  figures({ prompt_tokens, completion_tokens: tokens, prompt_tokens_details }: Usage): AnswerFigures {
    if (tokens > (this.#last?.tokens ?? 0)) {
      this.#last = { atMs: this.#now(), tokens }
      this.#first ??= this.#last
    }
    return {
      firstTokenMs: this.#first && this.#first.atMs - this.#startMs,
      tokensPerSecond: this.#tokensPerSecond,
      promptTokens: prompt_tokens,
      answerTokens: tokens,
      cachedTokens: prompt_tokens_details.cached_tokens,
    }
  }

  get #tokensPerSecond(): number | null {
    if (!this.#first || !this.#last || this.#last.tokens === this.#first.tokens) return null
    const seconds = (this.#last.atMs - this.#first.atMs) / 1000
    return seconds > 0 ? (this.#last.tokens - this.#first.tokens) / seconds : null
  }
}
