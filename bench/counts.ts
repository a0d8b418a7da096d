import { Engine } from '../src/engine/engine'
import type { SamplingRequest } from '../src/engine/generation'
import type { LoadedModel } from '../src/model/load'
import { countingGpu, type DeviceCounts, objectsCreated } from '../test/support/count-device'
import { adapterName } from './adapter-name'
import { decode } from './decode'

/** What one decode step costs the device. */
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
  /** Sequences that decode side by side; 1 where nothing is said. */
  readonly sequences?: number
  /** Best ids to report beside each drawn one; none where nothing is said. */
  readonly logprobs?: number
}

const warmTokens = 4
const countedTokens = 8

/** Generates a few tokens on a device that counts, and gives what one step in the middle cost, and its adapter. */
export async function countDecode(
  options: CountOptions,
): Promise<{ readonly adapter: string; readonly counts: DecodeCounts }> {
  const { promptTokens, sequences = 1, logprobs = null, sampler } = options
  const counting = countingGpu(options.gpu)
  const { runner, info, destroy } = await options.load(counting.gpu)
  let taken: { counts: DeviceCounts; dispatched: readonly string[]; bytesWalked: number } | null = null
  let tokens = 0
  const count = () => {
    tokens += 1
    if (tokens === warmTokens * sequences) counting.reset()
    if (tokens !== (warmTokens + countedTokens) * sequences) return
    const { bytesWalked } = runner
    taken = { counts: { ...counting.counts }, dispatched: [...counting.dispatched], bytesWalked }
  }
  // Two more than are counted, so that the last step that is counted is followed by another.
  await decode(new Engine(runner), {
    promptTokens,
    tokens: warmTokens + countedTokens + 2,
    vocab: info.vocab,
    sequences,
    logprobs,
    sampler,
    onToken: count,
  })
  destroy()
  const { counts, dispatched, bytesWalked } = taken!
  const weightBytes = info.tensorTypes.reduce((sum, { bytes }) => sum + bytes, 0)
  // The step that was submitted last is one ahead of the token that was read last.
  const contextTokens = promptTokens + warmTokens + countedTokens + 1
  const kvBytes = (contextTokens * info.kvCache.bytes) / info.kvCache.maxTokens
  return {
    adapter: adapterName(info),
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

/** Dispatches from one layer's attention to the next layer's, which every layer has once. */
function dispatchesPerLayer(dispatched: readonly string[]): number {
  const first = dispatched.indexOf('attention_decode')
  return dispatched.indexOf('attention_decode', first + 1) - first
}
