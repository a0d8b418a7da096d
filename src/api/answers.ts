import type { WireLogprobs } from '../worker/protocol'
import type { GenerationEvent, Generations, IndexedEvent } from './generations'
import { randomHex } from './random-hex'
import type { FinishReason, Usage } from './request-types'

/** What every response and every chunk of one begins with. */
export interface ResponseHead<Kind extends string> {
  id: string
  object: Kind
  created: number
  model: string
}

export function responseHead<Kind extends string>(
  prefix: string,
  object: Kind,
  model: string,
): ResponseHead<Kind> {
  return { id: `${prefix}-${randomHex(16)}`, object, created: Math.floor(Date.now() / 1000), model }
}

/** One generation, whole. */
export interface Answer {
  text: string
  ids: number[]
  logprobs: WireLogprobs[]
  promptLogprobs: readonly (WireLogprobs | null)[]
  reason: FinishReason
  stopReason: string | number | null
}

/** Gathers the events of each generation, by index. */
export async function gatherAnswers(
  events: AsyncIterable<IndexedEvent>,
  count: number,
  usage: UsageCount,
): Promise<Answer[]> {
  const answers = Array.from({ length: count }, emptyAnswer)
  for await (const { index, event } of events) {
    usage.count(index, event)
    gather(answers[index]!, event)
  }
  return answers
}

/** The tokens of a request so far. A prompt with several answers counts once. */
export class UsageCount {
  readonly #promptTokens: number
  readonly #answersPerPrompt: number
  #completionTokens = 0
  #cachedTokens = 0

  /** @param answersPerPrompt consecutive generations that share their prompt. */
  constructor(generations: Generations, answersPerPrompt: number) {
    this.#answersPerPrompt = answersPerPrompt
    this.#promptTokens = generations.accepted
      .filter((_, index) => index % answersPerPrompt === 0)
      .reduce((tokens, { promptIds }) => tokens + promptIds.length, 0)
  }

  count(index: number, event: GenerationEvent): void {
    if (event.type === 'delta') this.#completionTokens += event.ids.length
    if (event.type === 'prompt' && index % this.#answersPerPrompt === 0)
      this.#cachedTokens += event.cachedTokens
  }

  get usage(): Usage {
    const [prompt, completion] = [this.#promptTokens, this.#completionTokens]
    return {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      prompt_tokens_details: { cached_tokens: this.#cachedTokens },
    }
  }
}

function emptyAnswer(): Answer {
  return { text: '', ids: [], logprobs: [], promptLogprobs: [], reason: 'length', stopReason: null }
}

function gather(answer: Answer, event: GenerationEvent): void {
  if (event.type === 'prompt') {
    answer.promptLogprobs = event.logprobs ?? []
  } else if (event.type === 'delta') {
    answer.text += event.text
    answer.ids.push(...event.ids)
    answer.logprobs.push(...event.logprobs)
  } else {
    answer.reason = event.reason
    answer.stopReason = event.stopReason
  }
}
