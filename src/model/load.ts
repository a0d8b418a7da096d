import { type DeviceInfo, GpuDevice } from '../gpu/device'
import { weightFormats } from '../kernels/formats'
import { resultWords } from '../kernels/sample'
import type { ModelHeader, TensorInfo, WeightSink } from '../util/model-file'
import { abortedError, type OctavoError } from '../util/octavo-error'
import { batchLayout } from './batch'
import { type ModelConfig, readConfig } from './config'
import { type ModelWeights, planForward, prefillTileTokens } from './forward'
import { blockSize, createKvCache, type KvCache, type KvFormat } from './kv-cache'
import { createMatrix, type Matrix } from './matrix'
import { ropeTable } from './rope'
import { GpuRunner } from './runner'
import { checkModel } from './self-check'
import type { RunnerLimits } from './step'
import { findTensors, type ModelTensors } from './tensors'
import { WeightUploader } from './upload'
import { chooseVariants, type Variants } from './variants'

export interface LoadModelOptions {
  readonly gpu: GPU
  readonly header: ModelHeader
  /** `maxTokens` null: as many as the model's context and the GPU allow. */
  readonly kvCache: { readonly format: KvFormat; readonly maxTokens: number | null }
  /** Sequences that run at once. */
  readonly maxSequences: number
  /** Tokens of one step, over all sequences. */
  readonly maxBatchTokens: number
  readonly signal: AbortSignal
}

/** What a loaded model says of itself. */
export interface ModelInfo {
  readonly config: ModelConfig
  readonly vocab: number
  readonly parameters: number
  /** Tensors of each type, most bytes first. */
  readonly tensorTypes: readonly { readonly type: string; readonly tensors: number; readonly bytes: number }[]
  readonly device: DeviceInfo
  readonly variants: Variants
  readonly kvCache: Pick<KvCache, 'format' | 'blocks' | 'maxTokens' | 'bytes'> & {
    readonly blockSize: number
  }
  /** Bytes of all buffers on the GPU, and the most that there were during the load. */
  readonly gpuBytes: number
  readonly peakGpuBytes: number
}

/** A model on the GPU, waiting for its weights. */
export interface LoadingModel {
  readonly config: ModelConfig
  readonly vocab: number
  /** Where the file's bytes go. */
  readonly sink: WeightSink
  /** After the last byte: makes the plan, runs it once and checks it. */
  finish(): Promise<LoadedModel>
  destroy(): void
}

export interface LoadedModel {
  readonly runner: GpuRunner
  readonly info: ModelInfo
  /** Resolves with the error when the browser takes the GPU away. */
  readonly lost: Promise<OctavoError>
  destroy(): void
}

/** Rows of logits that a step can have at least; also how fast a given text is scored. */
const leastLogitRows = 32

/**
 * Opens the GPU and makes room for a model's weights and KV cache.
 *
 * @throws OctavoError 'unsupported-architecture', 'unsupported-tensor-type', 'malformed-file', 'no-adapter',
 *   'limits-too-small', 'gpu-out-of-memory', 'aborted'
 */
export async function loadModel(options: LoadModelOptions): Promise<LoadingModel> {
  const { header, signal } = options
  const config = readConfig(header.metadata)
  const tensors = findTensors(header, config)
  const gpu = await GpuDevice.open(options.gpu)
  try {
    return await prepare(gpu, config, tensors, options)
  } catch (error) {
    gpu.destroy()
    throw signal.aborted ? abortedError('Loading the model', signal) : error
  }
}

async function prepare(
  gpu: GpuDevice,
  config: ModelConfig,
  tensors: ModelTensors,
  options: LoadModelOptions,
): Promise<LoadingModel> {
  const { embedding, output, ...layers } = await gpu.allocating('the weights', () =>
    createMatrices(gpu, tensors),
  )
  const cache = await createKvCache(gpu, config, options.kvCache.format, options.kvCache.maxTokens)
  const norms = tensors.layers.flatMap((layer) => [layer.attentionNorm, layer.mlpNorm])
  const small = [...norms, tensors.outputNorm, ...(tensors.ropeFactors ? [tensors.ropeFactors] : [])]
  const matrices = [embedding, output, ...layers.layers.flatMap((layer) => layer.all)]
  const uploader = await WeightUploader.create(gpu, matrices, small)
  throwIfAborted(options.signal)

  const limits: RunnerLimits = {
    maxSequences: options.maxSequences,
    maxBatchTokens: Math.max(options.maxBatchTokens, options.maxSequences),
    maxLogitRows: Math.max(leastLogitRows, options.maxSequences),
    blockSize,
    blocks: cache.blocks,
    maxContext: Math.min(config.contextLength, cache.maxTokens),
    vocabSize: tensors.vocab,
  }
  const finish = async (): Promise<LoadedModel> => {
    const constants = await uploader.finish()
    const vector = (tensor: TensorInfo) => constants.get(tensor.name)!
    const upload = (label: string, values: Float32Array<ArrayBuffer>) => {
      const buffer = gpu.storage(label, values.byteLength)
      gpu.device.queue.writeBuffer(buffer, 0, values)
      return buffer
    }
    const factors = tensors.ropeFactors ? vector(tensors.ropeFactors) : null
    const weights: ModelWeights = {
      embedding,
      output,
      outputNorm: upload('output norm, f32 [hidden]', vector(tensors.outputNorm)),
      rope: upload('rope, f32 [positions, head dim]', ropeTable(config, limits.maxContext, factors)),
      layers: layers.layers.map((layer, i) => {
        const source = tensors.layers[i]!
        const both = new Float32Array(2 * config.hidden)
        both.set(vector(source.attentionNorm))
        both.set(vector(source.mlpNorm), config.hidden)
        return { ...layer, constants: upload(`layer ${i} norms, f32 [2, hidden]`, both) }
      }),
    }
    const variants = chooseVariants(gpu.info)
    const layout = batchLayout(limits)
    const runner = await gpu.allocating('the activations', async () => {
      const buffers = {
        batch: gpu.storage('batch, u32', 4 * layout.words),
        sampled: gpu.storage('sampled ids, u32 [sequences]', 4 * limits.maxSequences),
        results: gpu.storage('results, u32 [rows, words]', 4 * resultWords * limits.maxLogitRows),
        logits: gpu.storage('logits, f32 [rows, vocab]', 4 * limits.maxLogitRows * limits.vocabSize),
      }
      const plan = await planForward({ gpu, config, weights, cache, limits, layout, buffers, variants })
      return new GpuRunner({
        gpu,
        plan,
        buffers,
        layout,
        limits,
        tileTokens: prefillTileTokens(config, variants),
      })
    })
    throwIfAborted(options.signal)
    await checkModel(runner)
    return {
      runner,
      info: describe(gpu, config, tensors, options.header, variants, cache),
      lost: gpu.lost,
      destroy: () => gpu.destroy(),
    }
  }
  return { config, vocab: tensors.vocab, sink: uploader, finish, destroy: () => gpu.destroy() }
}

function createMatrices(gpu: GpuDevice, tensors: ModelTensors) {
  const embedding = createMatrix(gpu, tensors.embedding)
  const output = tensors.output === tensors.embedding ? embedding : createMatrix(gpu, tensors.output)
  const layers = tensors.layers.map((layer) => {
    const qkv = layer.qkv.map((source) => createMatrix(gpu, source))
    const attentionOutput = createMatrix(gpu, layer.attentionOutput)
    const gateUp = layer.gateUp.map((source) => createMatrix(gpu, source))
    const down = createMatrix(gpu, layer.down)
    const all: Matrix[] = [...qkv, attentionOutput, ...gateUp, down]
    return { qkv, attentionOutput, gateUp, down, all }
  })
  return { embedding, output, layers }
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortedError('Loading the model', signal)
}

function describe(
  gpu: GpuDevice,
  config: ModelConfig,
  tensors: ModelTensors,
  header: ModelHeader,
  variants: Variants,
  cache: KvCache,
): ModelInfo {
  const types = new Map<string, { type: string; tensors: number; bytes: number }>()
  const sources = [
    tensors.embedding,
    tensors.output,
    ...tensors.layers.flatMap((layer) => [...layer.qkv, layer.attentionOutput, ...layer.gateUp, layer.down]),
  ]
  for (const source of new Set(sources)) {
    for (const tensor of source.tensors) {
      const type = weightFormats.get(tensor.type)!.name
      const entry = types.get(type) ?? { type, tensors: 0, bytes: 0 }
      entry.tensors += 1
      entry.bytes += tensor.bytes
      types.set(type, entry)
    }
  }
  const count = (dims: readonly number[]) => dims.reduce((product, n) => product * n, 1)
  return {
    config,
    vocab: tensors.vocab,
    parameters: header.tensors.reduce((sum, tensor) => sum + count(tensor.dims), 0),
    tensorTypes: [...types.values()].sort((a, b) => b.bytes - a.bytes),
    device: gpu.info,
    variants,
    kvCache: {
      format: cache.format,
      blocks: cache.blocks,
      maxTokens: cache.maxTokens,
      bytes: cache.bytes,
      blockSize,
    },
    gpuBytes: gpu.bytes,
    peakGpuBytes: gpu.peakBytes,
  }
}
