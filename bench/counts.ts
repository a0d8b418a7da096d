import { Engine } from '../src/engine/engine'
import type { SamplingRequest } from '../src/engine/generation'
import type { LoadedModel } from '../src/model/load'
import { greedy } from '../src/model/step'
import { countingGpu, type DeviceCounts, objectsCreated } from '../test/support/count-device'

/** What one decode step of one sequence costs the device. */
export interface DecodeCounts {
  readonly dispatchesPerLayer: number
  readonly dispatchesPerToken: number
  readonly passes: number
  readonly submits: number
  readonly readbacks: number
  readonly bufferWrites: number
  readonly objectsCreated: number
  /** Bytes that the dispatches walk, as their kernels' records declare them. */
  readonly bytesWalked: number
  /** Each weight once, and the live part of the KV cache once; for a model whose output matrix is its embedding. */
  readonly bytesMinimum: number
}

export interface CountOptions {
  readonly gpu: GPU
  readonly load: (gpu: GPU) => Promise<LoadedModel>
  readonly promptTokens: number
  /** How to draw, where otherwise than with a temperature, top-k and top-p. */
  readonly sampler?: Partial<SamplingRequest>
}

const warmTokens = 4
const countedTokens = 8

/** Generates a few tokens on a device that counts, and gives what one step in the middle cost, and its adapter. */
export async function countDecode(
  options: CountOptions,
): Promise<{ readonly adapter: string; readonly counts: DecodeCounts }> {
  const { promptTokens } = options
  const counting = countingGpu(options.gpu)
  const { runner, info, destroy } = await options.load(counting.gpu)
  let taken: { counts: DeviceCounts; dispatched: readonly string[]; bytesWalked: number } | null = null
  let tokens = 0
  const count = () => {
    tokens += 1
    if (tokens === warmTokens) counting.reset()
    if (tokens !== warmTokens + countedTokens) return
    const { bytesWalked } = runner
    taken = { counts: { ...counting.counts }, dispatched: [...counting.dispatched], bytesWalked }
  }
  // Two more than are counted, so that the last step that is counted is followed by another.
  await decode(new Engine(runner), info.vocab, options, warmTokens + countedTokens + 2, count)
  destroy()
  const { counts, dispatched, bytesWalked } = taken!
  const weightBytes = info.tensorTypes.reduce((sum, { bytes }) => sum + bytes, 0)
  // The step that was submitted last is one ahead of the token that was read last.
  const contextTokens = promptTokens + warmTokens + countedTokens + 1
  const kvBytes = (contextTokens * info.kvCache.bytes) / info.kvCache.maxTokens
  return {
    adapter: [info.device.vendor, info.device.architecture, info.device.description]
      .filter(Boolean)
      .join(' '),
    counts: {
      dispatchesPerLayer: dispatchesPerLayer(dispatched),
      dispatchesPerToken: counts.dispatches / countedTokens,
      passes: counts.passes / countedTokens,
      submits: counts.submits / countedTokens,
      readbacks: counts.readbacks / countedTokens,
      bufferWrites: counts.bufferWrites / countedTokens,
      objectsCreated: objectsCreated(counts),
      bytesWalked,
      bytesMinimum: weightBytes + kvBytes,
    },
  }
}

function decode(
  engine: Engine,
  vocab: number,
  { promptTokens, sampler }: CountOptions,
  maxTokens: number,
  onToken: () => void,
): Promise<void> {
  const promptIds = Array.from({ length: promptTokens }, (_, i) => (17 * i + 5) % vocab)
  const stop = {
    maxTokens,
    minTokens: 0,
    ignoreEos: true,
    stopTokenIds: [],
    stopStrings: [],
    includeStopString: false,
  }
  return engine.generate(
    {
      promptIds,
      sampler: { ...greedy, allowedIds: null, temperature: 0.7, topK: 40, topP: 0.95, seed: 1, ...sampler },
      constraint: null,
      stop,
      logprobs: null,
      promptLogprobs: null,
      skipSpecialTokens: true,
      priority: 0,
    },
    {
      signal: new AbortController().signal,
      eosIds: [],
      detokenizer: { push: () => '', finish: () => '' },
      onEvents: (events) => {
        for (const event of events) if (event.type === 'delta') onToken()
      },
    },
  )
}

/** Dispatches from one layer's RoPE to the next layer's, which every layer has once. */
function dispatchesPerLayer(dispatched: readonly string[]): number {
  const first = dispatched.indexOf('rope_kv')
  return dispatched.indexOf('rope_kv', first + 1) - first
}
