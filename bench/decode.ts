import type { Engine } from '../src/engine/engine'
import type { GenerationRequest, SamplingRequest } from '../src/engine/generation'
import { greedy } from '../src/model/step'

export interface DecodeRun {
  /** Sequences that decode side by side. */
  readonly sequences?: number
  readonly promptTokens?: number
  /** Tokens of each answer. */
  readonly tokens: number
  readonly vocab: number
  /** Best ids to report beside each drawn one; null: no log-probabilities. */
  readonly logprobs?: number | null
  /** How to draw, where otherwise than with a temperature, top-k and top-p. */
  readonly sampler?: Partial<SamplingRequest>
  readonly onToken?: () => void
}

/** Lets sequences of random ids decode to their end, each with an ordinary sampler and a seed of its own. */
export async function decode(engine: Engine, run: DecodeRun): Promise<void> {
  const { sequences = 1, promptTokens = 1, tokens, vocab, logprobs = null, sampler, onToken } = run
  const generations = Array.from({ length: sequences }, (_, sequence) => {
    const promptIds = Array.from({ length: promptTokens }, (_, i) => (17 * i + 5 + sequence) % vocab)
    return engine.generate(
      request(promptIds, tokens, logprobs, { ...ordinary, seed: sequence + 1, ...sampler }),
      {
        signal: new AbortController().signal,
        eosIds: [],
        detokenizer: { push: () => '', finish: () => '' },
        onEvents: (events) => {
          for (const event of events) if (event.type === 'delta') onToken?.()
        },
      },
    )
  })
  await Promise.all(generations)
}

const ordinary: SamplingRequest = { ...greedy, allowedIds: null, temperature: 0.7, topK: 40, topP: 0.95 }

function request(
  promptIds: readonly number[],
  maxTokens: number,
  logprobs: number | null,
  sampler: SamplingRequest,
): GenerationRequest {
  return {
    promptIds,
    sampler,
    constraint: null,
    stop: {
      maxTokens,
      minTokens: 0,
      ignoreEos: true,
      stopTokenIds: [],
      stopStrings: [],
      includeStopString: false,
    },
    logprobs,
    promptLogprobs: null,
    skipSpecialTokens: true,
    priority: 0,
    conversation: null,
  }
}
