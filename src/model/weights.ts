import type { GpuDevice } from '../gpu/device'
import type { TensorInfo } from '../util/model-file'
import type { ModelConfig } from './config'
import { createMatrix, type Matrix } from './matrix'
import { ropeTable } from './rope'
import type { ModelTensors } from './tensors'

/** Everything of a model that the forward pass reads. */
export interface ModelWeights {
  readonly embedding: Matrix
  /** The embedding itself where the file has no output matrix. */
  readonly output: Matrix
  readonly layers: readonly LayerWeights[]
  /** f32 [hidden] */
  readonly outputNorm: GPUBuffer
  /** f32 [positions, head dim]: cosine and sine of each pair in turn */
  readonly rope: GPUBuffer
}

export interface LayerWeights {
  readonly qkv: readonly Matrix[]
  readonly attentionOutput: Matrix
  readonly gateUp: readonly Matrix[]
  readonly down: Matrix
  /** f32 [2, hidden]: the norm before attention, the norm before the MLP */
  readonly constants: GPUBuffer
}

/** Makes room for a model's weights; nothing is in it yet. */
export function createWeights(
  gpu: GpuDevice,
  config: ModelConfig,
  tensors: ModelTensors,
): Omit<ModelWeights, 'rope'> {
  const embedding = createMatrix(gpu, tensors.embedding)
  return {
    embedding,
    output: tensors.output === tensors.embedding ? embedding : createMatrix(gpu, tensors.output),
    layers: tensors.layers.map((layer, i) => ({
      qkv: layer.qkv.map((source) => createMatrix(gpu, source)),
      attentionOutput: createMatrix(gpu, layer.attentionOutput),
      gateUp: layer.gateUp.map((source) => createMatrix(gpu, source)),
      down: createMatrix(gpu, layer.down),
      constants: gpu.storage(`layer ${i} norms, f32 [2, hidden]`, 4 * 2 * config.hidden),
    })),
    outputNorm: gpu.storage('output norm, f32 [hidden]', 4 * config.hidden),
  }
}

/** Every matrix once. */
export function matricesOf({ embedding, output, layers }: Omit<ModelWeights, 'rope'>): readonly Matrix[] {
  const inLayers = layers.flatMap(({ qkv, attentionOutput, gateUp, down }) => [
    ...qkv,
    attentionOutput,
    ...gateUp,
    down,
  ])
  return [...new Set([embedding, output, ...inLayers])]
}

/** The small tensors that the CPU packs before they go to the GPU. */
export function constantTensors({ layers, outputNorm, ropeFactors }: ModelTensors): readonly TensorInfo[] {
  const norms = layers.flatMap(({ attentionNorm, mlpNorm }) => [attentionNorm, mlpNorm])
  return [...norms, outputNorm, ...(ropeFactors ? [ropeFactors] : [])]
}

/** Writes the small tensors, given by name as f32, and what is computed from them. */
export function writeConstants(
  gpu: GpuDevice,
  config: ModelConfig,
  tensors: ModelTensors,
  weights: ModelWeights,
  values: ReadonlyMap<string, Float32Array<ArrayBuffer>>,
): void {
  const write = (buffer: GPUBuffer, offset: number, floats: Float32Array<ArrayBuffer>) =>
    gpu.device.queue.writeBuffer(buffer, offset, floats)
  const valuesOf = (tensor: TensorInfo) => values.get(tensor.name)!
  weights.layers.forEach(({ constants }, i) => {
    const { attentionNorm, mlpNorm } = tensors.layers[i]!
    write(constants, 0, valuesOf(attentionNorm))
    write(constants, 4 * config.hidden, valuesOf(mlpNorm))
  })
  write(weights.outputNorm, 0, valuesOf(tensors.outputNorm))
  const positions = Math.floor(weights.rope.size / (4 * config.headDim))
  const factors = tensors.ropeFactors ? valuesOf(tensors.ropeFactors) : config.ropeFactors
  write(weights.rope, 0, ropeTable(config, positions, factors))
}
