import { GpuDevice } from '../gpu/device'
import type { FloatWeights } from '../util/float-weights'
import type { Invariance } from '../util/invariance'
import type { KvFormat } from '../util/kv-format'
import type { ModelHeader, WeightSink } from '../util/model-file'
import { abortedError, type OctavoError } from '../util/octavo-error'
import type { Precision } from '../util/precision'
import { createActivations } from './activations'
import { BatchWriter, batchLayout } from './batch'
import { BlockCopies } from './block-copies'
import { CacheBlocks } from './cache-blocks'
import type { ModelDescription } from './description'
import { fetchParts } from './fetch-parts'
import { type ForwardOptions, planForward, prefillTileTokens } from './forward'
import { blockSize, createKvCache } from './kv-cache'
import { createLayerStates } from './layer-states'
import { describeModel, type ModelInfo } from './model-info'
import type { Plan } from './plan'
import { prepareRunner } from './prepare'
import { readDescription } from './read-description'
import { longestContext, mostStepTokens } from './room-limits'
import type { RopeDescription } from './rope'
import { roundingFor, roundingIn } from './rounded-rows'
import { GpuRunner } from './runner'
import { checkModel, mostDifference } from './self-check'
import { type LayerState, StateCopies } from './state-copies'
import { greedy, type RunnerLimits } from './step'
import type { TacticsOptions } from './tactics'
import { findTensors, type ModelTensors } from './tensors'
import type { TuningBatch } from './tuner'
import type { Variants } from './variants'
import { createRopeTables, createWeights, found } from './weights'

export interface LoadModelOptions {
  readonly gpu: GPU
  readonly header: ModelHeader
  /** What the model is, where otherwise than its header says. */
  readonly description?: ModelDescription
  /** `maxTokens` null: as many as the model's context and the GPU allow. */
  readonly kvCache: { readonly format: KvFormat; readonly maxTokens: number | null }
  /** What is done with the floats of a safetensors model; null: what suits the repo. */
  readonly floatWeights: FloatWeights | null
  readonly invariance: Invariance
  readonly precision: Precision
  /** Sequences that run at once. */
  readonly maxSequences: number
  /** Tokens of one step, over all sequences. */
  readonly maxBatchTokens: number
  readonly signal: AbortSignal
  /** To be tried in this order. Default: what the device is known to like, then the universal ones. */
  readonly variants?: readonly Variants[]
  /** Left out: variants are neither timed nor proven by known cases. */
  readonly tactics?: TacticsOptions
}

/** A model on the GPU, waiting for its weights. */
export interface LoadingModel {
  readonly description: ModelDescription
  readonly vocab: number
  /** Where the file's bytes go. */
  readonly sink: WeightSink
  /** After the last byte: runs the model once and checks it. */
  finish(): Promise<LoadedModel>
  destroy(): void
}

export interface LoadedModel {
  readonly runner: GpuRunner
  readonly info: ModelInfo
  readonly cacheBlocks: CacheBlocks
  /** Resolves with the error when the browser takes the GPU away. */
  readonly lost: Promise<OctavoError>
  destroy(): void
}

/** What decides how much room a model takes. */
export type RoomOptions = Pick<
  LoadModelOptions,
  | 'header'
  | 'variants'
  | 'floatWeights'
  | 'kvCache'
  | 'invariance'
  | 'precision'
  | 'maxSequences'
  | 'maxBatchTokens'
>

/** What the forward pass is made of, on the device; the same for every variant. */
type Parts = Omit<ForwardOptions, 'variants'> & {
  readonly blockCopies: BlockCopies
  readonly stateCopies: StateCopies
  readonly ropeTables: ReadonlyMap<RopeDescription, GPUBuffer>
}

/** Rows of logits that a step can have at least; also how fast a given text is scored. */
const leastLogitRows = 32

/**
 * Opens the GPU, makes room for a model's weights, its KV cache and its activations, and begins to compile its kernels:
 * what can fail for want of room fails before a weight is fetched.
 *
 * @throws OctavoError 'unsupported-architecture', 'unsupported-tensor-type', 'malformed-file', 'no-adapter',
 *   'limits-too-small', 'gpu-out-of-memory', 'aborted'
 */
export async function loadModel(options: LoadModelOptions): Promise<LoadingModel> {
  const { header, signal } = options
  await fetchParts(header)
  const { description = readDescription(header) } = options
  const tensors = findTensors(header, description, options.floatWeights)
  const gpu = await GpuDevice.open(options.gpu)
  try {
    return await prepare(gpu, description, tensors, options)
  } catch (error) {
    gpu.destroy()
    throw signal.aborted ? abortedError('Loading the model', signal) : error
  }
}

async function prepare(
  gpu: GpuDevice,
  description: ModelDescription,
  tensors: ModelTensors,
  options: LoadModelOptions,
): Promise<LoadingModel> {
  const parts = await makeRoom(gpu, description, tensors, options)
  const { signal, variants, tactics = null } = options
  const { sink, finish } = await prepareRunner({
    ...parts,
    signal,
    ...(variants && { variants }),
    tactics,
    words: [parts.cache.format, parts.invariance, roundingIn(parts.activations)],
    createPlan: (each) => planForward({ ...parts, variants: each }),
    tuningBatches: (each) => tuningBatches(parts, prefillTileTokens(tensors, each)),
    createRunner: (plan, each) => createRunner(parts, plan, each),
    check: (runner, each) => checkModel(runner, mostDifference(parts, each)),
  })
  return {
    description,
    vocab: tensors.vocab,
    sink,
    finish: async () => {
      const { runner, ...chosen } = await finish()
      const info = describeModel({ ...parts, ...chosen })
      const cacheBlocks = new CacheBlocks(gpu, parts.cache)
      return { runner, info, cacheBlocks, lost: gpu.lost, destroy: () => gpu.destroy() }
    },
    destroy: () => gpu.destroy(),
  }
}

/** Makes all buffers but the small ones that go with a plan. */
export async function makeRoom(
  gpu: GpuDevice,
  description: ModelDescription,
  tensors: ModelTensors,
  options: RoomOptions,
): Promise<Parts> {
  const weights = await gpu.allocating('the weights', () => createWeights(gpu, tensors))
  const states = await gpu.allocating('the states of sequences', () =>
    createLayerStates(gpu, tensors, options.maxSequences),
  )
  const ownStates = states.filter((state): state is LayerState => state !== null)
  const { format, maxTokens } = options.kvCache
  const cache = await createKvCache(gpu, tensors, description.contextLength, format, maxTokens)
  const limits: RunnerLimits = {
    maxSequences: options.maxSequences,
    maxBatchTokens: Math.max(Math.min(options.maxBatchTokens, mostStepTokens(tensors)), options.maxSequences),
    maxLogitRows: Math.max(leastLogitRows, options.maxSequences),
    blockSize,
    blocks: cache.blocks,
    maxContext: Math.min(
      description.contextLength,
      cache.maxTokens,
      longestContext(gpu.info, tensors, options.maxSequences),
    ),
    vocabSize: tensors.vocab,
    hasState: ownStates.length > 0,
  }
  const { invariance, precision } = options
  const layout = batchLayout(limits)
  const rounding = roundingFor(gpu.info, options)
  const { activations, blockCopies, stateCopies, ropeTables } = await gpu.allocating(
    'the activations',
    () => ({
      activations: createActivations(gpu, tensors, description.hidden, limits, layout, rounding),
      blockCopies: new BlockCopies(gpu, cache),
      stateCopies: new StateCopies(gpu, ownStates),
      ropeTables: createRopeTables(gpu, description, limits.maxContext),
    }),
  )
  return {
    gpu,
    description,
    tensors,
    weights: { ...weights, rope: (rope) => found(ropeTables, rope) },
    ropeTables,
    cache,
    states,
    invariance,
    precision,
    limits,
    layout,
    activations,
    pooled: null,
    blockCopies,
    stateCopies,
  }
}

function createRunner(parts: Parts, plan: Plan, variants: Variants): GpuRunner {
  const { gpu, tensors, limits, layout, activations, blockCopies, stateCopies } = parts
  const tileTokens = prefillTileTokens(tensors, variants)
  return new GpuRunner({
    gpu,
    plan,
    buffers: activations,
    blockCopies,
    stateCopies,
    layout,
    limits,
    tileTokens,
  })
}

/** Contexts and prompts that are timed, in tokens. */
const tunedContext = 512
const tunedPrompt = 64

/** A step of decode at some context, and one of a prompt; what lies in the cache has no part in their times. */
function tuningBatches(
  { gpu, limits, layout, activations }: Parts,
  tileTokens: number,
): readonly TuningBatch[] {
  const writer = new BatchWriter(layout, limits, tileTokens)
  const most = Math.min(limits.maxContext, limits.blocks * limits.blockSize)
  return [
    { start: Math.min(tunedContext, most) - 1, count: 1 },
    { start: 0, count: Math.min(tunedPrompt, most, limits.maxBatchTokens) },
  ].map(({ start, count }) => {
    const chunk = {
      slot: 0,
      start,
      ids: Array<number>(count).fill(0),
      blocks: Array.from({ length: Math.ceil((start + count) / limits.blockSize) }, (_, block) => block),
      copyBlock: null,
      copyState: null,
      sampler: greedy,
      logprobs: null,
      promptLogprobs: null,
    }
    const { shape, used } = writer.write([chunk])
    const words = writer.words.slice(0, used)
    return { shape, write: () => gpu.device.queue.writeBuffer(activations.batch, 0, words) }
  })
}
