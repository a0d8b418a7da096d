import type { ChatCompletionStreamRequest, Engine } from 'octavo'
import type { AnswerRequest } from '../../../demo/chat/answering'

export interface FakeStep {
  /** Milliseconds since the step before. */
  readonly afterMs: number
  readonly text: string
  readonly tokens: number
}

/** An engine that answers by a script, with a clock that the script moves. */
export function fakeChatEngine(script: {
  readonly steps: readonly FakeStep[]
  readonly promptTokens?: number
  readonly contextLength?: number
  readonly reason?: 'stop' | 'length'
  /** What a request is refused with. */
  readonly refuse?: (body: ChatCompletionStreamRequest) => unknown
  /** Thrown after the steps. */
  readonly error?: unknown
}) {
  const { steps, promptTokens = 10, contextLength = 8192, reason = 'stop', error } = script
  const bodies: ChatCompletionStreamRequest[] = []
  let nowMs = 0
  async function* chunks() {
    let tokens = 0
    const usage = () => ({
      prompt_tokens: promptTokens,
      completion_tokens: tokens,
      total_tokens: promptTokens + tokens,
      prompt_tokens_details: { cached_tokens: 3 },
    })
    yield {
      choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
      usage: usage(),
    }
    for (const { afterMs, text, tokens: more } of steps) {
      nowMs += afterMs
      tokens += more
      yield { choices: [{ index: 0, delta: { content: text }, finish_reason: null }], usage: usage() }
    }
    if (error) throw error
    yield { choices: [{ index: 0, delta: {}, finish_reason: reason }], usage: usage() }
    yield { choices: [], usage: usage() }
  }
  const create = async (body: ChatCompletionStreamRequest) => {
    bodies.push(body)
    const refusal = script.refuse?.(body)
    if (refusal) throw refusal
    return chunks()
  }
  const engine = { info: { model: { contextLength } }, chat: { completions: { create } } }
  return {
    engine: engine as unknown as AnswerRequest['engine'] & Engine,
    bodies,
    now: () => nowMs,
  }
}
