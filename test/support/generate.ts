import { Engine } from '../../src/engine/engine'
import type { GenerationEvent, GenerationRequest, SamplingRequest } from '../../src/engine/generation'
import { greedy, type Runner, type StepChunk, type TokenLogprobs } from '../../src/model/step'

export interface Generated {
  readonly ids: readonly number[]
  readonly logprobs: readonly TokenLogprobs[]
  readonly promptLogprobs: readonly (TokenLogprobs | null)[] | null
  readonly reason: 'stop' | 'length'
}

export interface TestGeneration {
  readonly promptIds: readonly number[]
  readonly maxTokens: number
  /** How to draw, where not greedily. */
  readonly sampler?: Partial<SamplingRequest>
  readonly promptLogprobs?: number | null
  readonly eosIds?: readonly number[]
  readonly signal?: AbortSignal
  readonly conversation?: string | null
  /** Hears how many tokens of the prompt were not computed again, which is no part of the answer. */
  readonly onCached?: (tokens: number) => void
  readonly priority?: number
  readonly onToken?: (tokens: number) => void
  readonly onPrefill?: () => void
}

/** An engine that keeps the chunks of every step it ran. */
export class RecordingEngine extends Engine {
  readonly steps: (readonly StepChunk[])[]

  constructor(runner: Runner) {
    const steps: (readonly StepChunk[])[] = []
    super({
      // The runner's own object: its token budget changes as it goes.
      limits: runner.limits,
      isLost: () => runner.isLost(),
      run: (chunks) => {
        steps.push(chunks)
        return runner.run(chunks)
      },
    })
    this.steps = steps
  }
}

/** Tokens of a prompt, greedy unless told otherwise, with their log-probabilities. */
export function generate(engine: Engine, options: TestGeneration): Promise<Generated> {
  return generateAnswers(engine, [options])[0]!
}

/** As `generate`, for generations that come together: those with one `promptIds` array compute it once. */
export function generateAnswers(engine: Engine, all: readonly TestGeneration[]): Promise<Generated>[] {
  const events = all.map((): GenerationEvent[] => [])
  const ends = engine.generateAll(
    all.map((options, i) => {
      let tokens = 0
      return {
        request: testRequest(options),
        options: {
          signal: options.signal ?? new AbortController().signal,
          eosIds: options.eosIds ?? [],
          detokenizer: { push: () => '', finish: () => '' },
          onEvents: (more) => {
            events[i]!.push(...more)
            for (const { type } of more) {
              if (type === 'prefill') options.onPrefill?.()
              if (type === 'delta') options.onToken?.(++tokens)
            }
          },
        },
      }
    }),
  )
  return ends.map(async (end, i) => {
    await end
    return gathered(events[i]!, all[i]!)
  })
}

function testRequest({
  promptIds,
  maxTokens,
  sampler,
  promptLogprobs = null,
  conversation = null,
  priority = 0,
}: TestGeneration): GenerationRequest {
  return {
    promptIds,
    sampler: { ...greedy, allowedIds: null, ...sampler },
    constraint: null,
    stop: {
      maxTokens,
      minTokens: 0,
      ignoreEos: false,
      stopTokenIds: [],
      stopStrings: [],
      includeStopString: false,
    },
    logprobs: 2,
    promptLogprobs,
    skipSpecialTokens: true,
    conversation,
    priority,
  }
}

function gathered(events: readonly GenerationEvent[], { onCached }: TestGeneration): Generated {
  const prompt = events.find((event) => event.type === 'prompt')!
  onCached?.(prompt.cachedTokens)
  const deltas = events.filter((event) => event.type === 'delta')
  return {
    ids: deltas.flatMap((event) => event.ids),
    logprobs: deltas.flatMap((event) => event.logprobs),
    promptLogprobs: prompt.logprobs,
    reason: events.find((event) => event.type === 'finish')!.reason,
  }
}
