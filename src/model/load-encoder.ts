import { GpuDevice } from '../gpu/device'
import type { ModelHeader, WeightSink } from '../util/model-file'
import { abortedError, OctavoError } from '../util/octavo-error'
import { createActivations } from './activations'
import { attentionIn } from './attention-in'
import type { ModelDescription } from './description'
import { type EncoderRoom, encoderBlocks, encoderLayout } from './encoder-batch'
import { checkEncoder } from './encoder-check'
import { GpuEncoder } from './encoder-runner'
import { fetchParts } from './fetch-parts'
import { floatWeightsOf } from './float-matrix'
import { type ForwardOptions, planForward, prefillTileTokens } from './forward'
import { blockBytesOf, blockSize, type KvCache, kvLayer, layerBlock } from './kv-cache'
import type { LoadModelOptions, RoomOptions } from './load'
import { describeModel, type ModelInfo } from './model-info'
import { modelTask } from './model-task'
import { createPooledRows } from './parts/pooled'
import type { Plan } from './plan'
import { prepareRunner } from './prepare'
import { readDescription } from './read-description'
import type { RopeDescription } from './rope'
import { roundingFor, roundingIn } from './rounded-rows'
import { mostDifference } from './self-check'
import type { RunnerLimits } from './step'
import { findTensors, type ModelTensors } from './tensors'
import type { Variants } from './variants'
import { readVectorSettings } from './vector-settings'
import { createRopeTables, createWeights, found } from './weights'

/** An encoder on the GPU, waiting for its weights. */
export interface LoadingEncoder {
  readonly sink: WeightSink
  /** After the last byte: runs the model once and checks it. */
  finish(): Promise<LoadedEncoder>
  destroy(): void
}

export interface LoadedEncoder {
  /** It makes vectors, or scores. */
  readonly task: 'embed' | 'score'
  readonly runner: GpuEncoder
  readonly info: ModelInfo
  /** Resolves with the error when the browser takes the GPU away. */
  readonly lost: Promise<OctavoError>
  destroy(): void
}

type EncoderParts = Omit<ForwardOptions, 'variants'> & {
  readonly pooled: NonNullable<ForwardOptions['pooled']>
  readonly room: EncoderRoom
  readonly ropeTables: ReadonlyMap<RopeDescription, GPUBuffer>
}

/** Sequences of one batch: short texts fill it. */
const mostSequences = 64
/** Tokens of one text where nobody asks for more; its activations lie on the GPU whole. */
const mostTokens = 8192

/**
 * As `loadModel`, for a model that reads whole texts.
 *
 * @throws OctavoError as `loadModel`
 */
export async function loadEncoder(options: LoadModelOptions): Promise<LoadingEncoder> {
  const { header, signal } = options
  await fetchParts(header)
  const description = readDescription(header)
  const tensors = encoderTensors(header, description, options)
  const gpu = await GpuDevice.open(options.gpu)
  try {
    const parts = await makeEncoderRoom(gpu, description, tensors, options)
    const { variants, tactics = null } = options
    const { sink, finish } = await prepareRunner({
      ...parts,
      signal,
      ...(variants && { variants }),
      tactics,
      words: [parts.invariance, roundingIn(parts.activations)],
      createPlan: (each) => planForward({ ...parts, variants: each }),
      tuningBatches: () => [],
      createRunner: (plan, each) => createRunner(parts, plan, each),
      check: (runner, each) => checkEncoder(runner, mostDifference(parts, each)),
    })
    const loaded = async (): Promise<LoadedEncoder> => {
      const { runner, ...chosen } = await finish()
      const info = describeModel({ ...parts, ...chosen })
      const task = modelTask(header) === 'score' ? 'score' : 'embed'
      return { task, runner, info, lost: gpu.lost, destroy: () => gpu.destroy() }
    }
    return { sink, finish: loaded, destroy: () => gpu.destroy() }
  } catch (error) {
    gpu.destroy()
    throw signal.aborted ? abortedError('Loading the model', signal) : error
  }
}

/** Encoders are small, and their vectors are compared by their third digit: floats keep 16 bits where nobody asks for less. */
export function encoderTensors(
  header: ModelHeader,
  description: ModelDescription,
  { floatWeights }: Pick<RoomOptions, 'floatWeights'>,
): ModelTensors {
  const byDefault = floatWeightsOf(header, null) === 'int4' ? 'f16' : null
  return findTensors(header, description, floatWeights ?? byDefault)
}

/** Makes all buffers but the small ones that go with a plan. */
export async function makeEncoderRoom(
  gpu: GpuDevice,
  description: ModelDescription,
  tensors: ModelTensors,
  { header, maxBatchTokens, maxSequences, ...options }: RoomOptions,
): Promise<EncoderParts> {
  const { kvCache, invariance, precision } = options
  const { maxTokens } = readVectorSettings(header)
  const longest = Math.min(
    description.contextLength,
    maxTokens ?? Number.POSITIVE_INFINITY,
    kvCache.maxTokens ?? mostTokens,
  )
  const room = {
    maxBatchTokens: Math.max(maxBatchTokens, longest),
    maxSequences: Math.max(maxSequences, mostSequences),
  }
  const weights = await gpu.allocating('the weights', () => createWeights(gpu, tensors))
  const cache = await createSharedKv(gpu, tensors, encoderBlocks(room))
  const layout = encoderLayout(room)
  // What an encoder does not have is of no size.
  const limits: RunnerLimits = {
    maxSequences: 0,
    maxLogitRows: 0,
    vocabSize: 0,
    hasState: false,
    maxBatchTokens: room.maxBatchTokens,
    maxContext: longest,
    blockSize,
    blocks: cache.blocks,
  }
  const rounding = roundingFor(gpu.info, options)
  const { activations, ropeTables, pooled } = await gpu.allocating('the activations', () => ({
    activations: createActivations(gpu, tensors, description.hidden, limits, layout, rounding),
    ropeTables: createRopeTables(gpu, description, longest),
    pooled: createPooledRows(gpu, tensors.pooled!, description.hidden, room.maxSequences),
  }))
  return {
    gpu,
    description,
    tensors,
    weights: { ...weights, rope: (rope) => found(ropeTables, rope) },
    ropeTables,
    cache,
    invariance,
    precision,
    limits,
    layout,
    activations,
    states: tensors.layers.map(() => null),
    pooled,
    room,
  }
}

/**
 * Keys and values of one batch in one layer, which all layers write in turn: a text that is read whole needs none of
 * another step’s. They lie as attention reads them, in f32.
 */
async function createSharedKv(gpu: GpuDevice, tensors: ModelTensors, blocks: number): Promise<KvCache> {
  const bytesOf = tensors.layers.map((layer) => {
    const [part, ...others] = attentionIn([layer])
    if (!part || others.length > 0 || layer.mixer.parts.length > 1) throw notAttention()
    return layerBlock(part, 'f32')
  })
  const blockBytes = Math.max(0, ...bytesOf.map(blockBytesOf))
  const bytes = blocks * blockBytes
  if (bytes > gpu.info.maxBindingBytes) {
    throw new OctavoError(
      'limits-too-small',
      `Texts of ${blocks * blockSize} tokens need ${bytes} bytes in one buffer; this GPU can address ${gpu.info.maxBindingBytes}.`,
      'Set kvCache.maxTokens to fewer tokens for a text.',
    )
  }
  const buffer = await gpu.allocating('keys and values', () => gpu.storage('keys and values, f32', bytes))
  return {
    format: 'f32',
    blocks,
    maxTokens: blocks * blockSize,
    bytes,
    blockBytes,
    layers: bytesOf.map((block) => kvLayer(buffer, blocks, block)),
  }
}

function notAttention(): OctavoError {
  return new OctavoError(
    'unsupported-architecture',
    'Some layers of this model do not mix tokens by attention: it is not supported as an encoder.',
    'Choose another model.',
  )
}

function createRunner(parts: EncoderParts, plan: Plan, variants: Variants): GpuEncoder {
  const { gpu, tensors, limits, layout, activations, pooled, room } = parts
  return new GpuEncoder({
    gpu,
    plan,
    batch: activations.batch,
    pooled,
    layout,
    room,
    limits: {
      maxTokens: limits.maxContext,
      vocabSize: tensors.vocab,
      outputs: tensors.pooled!.outputs,
    },
    tileTokens: prefillTileTokens(tensors, variants),
  })
}
