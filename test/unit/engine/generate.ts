import type { Engine } from '../../../src/engine/engine'
import type { GenerationEvent, GenerationRequest } from '../../../src/engine/generation'
import { nextId, random, testLimits } from './fake-runner'

const words = { push: (id: number) => `${id} `, finish: () => '' }

export function request(
  promptIds: number[],
  stop: Partial<GenerationRequest['stop']> = {},
  rest: Partial<GenerationRequest> = {},
): GenerationRequest {
  return {
    promptIds,
    sampler: { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 },
    stop: {
      maxTokens: 20,
      minTokens: 0,
      ignoreEos: false,
      stopTokenIds: [],
      stopStrings: [],
      includeStopString: false,
      ...stop,
    },
    logprobs: null,
    promptLogprobs: null,
    skipSpecialTokens: true,
    priority: 0,
    ...rest,
  }
}

export interface Answer {
  ids: number[]
  text: string
  events: GenerationEvent[]
  finish: Extract<GenerationEvent, { type: 'finish' }> | null
}

export async function generate(
  engine: Engine,
  asked: GenerationRequest,
  signal = new AbortController().signal,
  onEvents?: () => void,
): Promise<Answer> {
  const answer: Answer = { ids: [], text: '', events: [], finish: null }
  await engine.generate(asked, {
    signal,
    detokenizer: { ...words },
    eosIds: [0],
    onEvents: (events) => {
      for (const event of events) {
        answer.events.push(event)
        if (event.type === 'delta') {
          answer.ids.push(...event.ids)
          answer.text += event.text
        }
        if (event.type === 'finish') answer.finish = event
      }
      onEvents?.()
    },
  })
  return answer
}

/** What the fake model answers, told without an engine. */
export function expected(
  promptIds: readonly number[],
  maxTokens: number,
  maxContext = testLimits.maxContext,
): number[] {
  const ids = [...promptIds]
  while (ids.length - promptIds.length < maxTokens && ids.length < maxContext) {
    const id = nextId(ids)
    ids.push(id)
    if (id === 0) break
  }
  return ids.slice(promptIds.length)
}

export function prompt(length: number, seed = 1): number[] {
  const next = random(seed)
  return Array.from({ length }, () => 1 + next(900))
}

/** A prompt whose answer has no end-of-sequence id among its first tokens. */
export function openEnded(tokens: number): number[] {
  for (let seed = 1; ; seed++) if (!expected(prompt(5, seed), tokens).includes(0)) return prompt(5, seed)
}
