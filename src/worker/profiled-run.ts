import type { GenerationRequest } from '../engine/generation'
import { greedy } from '../model/step'
import type { ProfiledRun } from './protocol'

const promptTokens = 128
const answerTokens = 32

/** Ids for a prompt of a run: of any model's vocabulary, and others in each run, so that none is found in the cache. */
export function promptOf(run: number, tokens: number, vocabSize: number): number[] {
  return Array.from({ length: tokens }, (_, i) => (run * 7919 + i * 104_729 + i * i) % vocabSize)
}

/** What a run asks for, or what is usual, as far as the context has room. */
export function lengthsOf({ promptTokens: prompt, tokens }: ProfiledRun, context: number) {
  return {
    promptTokens: prompt ?? Math.max(1, Math.min(promptTokens, Math.floor(context / 2) - (tokens ?? 0))),
    tokens: tokens ?? Math.max(1, Math.min(answerTokens, Math.floor(context / 4))),
  }
}

/** Greedy, and not ended by what it draws. */
export function requestOf(promptIds: readonly number[], maxTokens: number): GenerationRequest {
  return {
    promptIds,
    sampler: { ...greedy, allowedIds: null },
    constraint: null,
    stop: {
      maxTokens,
      minTokens: 0,
      ignoreEos: true,
      stopTokenIds: [],
      stopStrings: [],
      includeStopString: false,
    },
    logprobs: null,
    promptLogprobs: null,
    skipSpecialTokens: true,
    priority: 0,
    conversation: null,
  }
}
