import type { DeviceInfo, GpuDevice } from '../gpu/device'
import type { Invariance } from '../util/invariance'
import type { ModelConfig } from './config'
import { blockSize, type KvCache } from './kv-cache'
import type { MatrixSource, ModelTensors } from './tensors'
import type { Variants } from './variants'

/** Variants that failed their check on this device, and were not used. */
export interface DroppedVariants {
  readonly name: string
  readonly reason: string
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
  readonly invariance: Invariance
  readonly dropped: readonly DroppedVariants[]
  readonly kvCache: Pick<KvCache, 'format' | 'blocks' | 'maxTokens' | 'bytes'> & {
    readonly blockSize: number
  }
  /** Bytes of all buffers on the GPU, and the most that there were during the load. */
  readonly gpuBytes: number
  readonly peakGpuBytes: number
}

interface LoadedParts {
  readonly gpu: GpuDevice
  readonly config: ModelConfig
  readonly tensors: ModelTensors
  readonly cache: KvCache
  readonly variants: Variants
  readonly invariance: Invariance
  readonly dropped: readonly DroppedVariants[]
}

export function describeModel(parts: LoadedParts): ModelInfo {
  const { gpu, config, tensors, cache, variants, invariance, dropped } = parts
  const { format, blocks, maxTokens, bytes } = cache
  return {
    config,
    vocab: tensors.vocab,
    parameters: parametersOf(tensors),
    tensorTypes: tensorTypes(tensors),
    device: gpu.info,
    variants,
    invariance,
    dropped,
    kvCache: { format, blocks, maxTokens, bytes, blockSize },
    gpuBytes: gpu.bytes,
    peakGpuBytes: gpu.peakBytes,
  }
}

/** Weights of the model, whatever they are packed into and whatever lies beside them. */
export function parametersOf(tensors: ModelTensors): number {
  const norms = [
    tensors.outputNorm,
    ...tensors.layers.flatMap(({ attentionNorm, mlpNorm }) => [attentionNorm, mlpNorm]),
  ]
  const inMatrices = matricesIn(tensors).reduce((sum, { rows, columns }) => sum + rows * columns, 0)
  return inMatrices + norms.reduce((sum, { dims }) => sum + dims[0]!, 0)
}

/** Each once, also where the embedding is the output. */
function matricesIn({ embedding, output, layers }: ModelTensors): readonly MatrixSource[] {
  const inLayers = layers.flatMap(({ qkv, attentionOutput, gateUp, down }) => [
    ...qkv,
    attentionOutput,
    ...gateUp,
    down,
  ])
  return [...new Set([embedding, output, ...inLayers])]
}

function tensorTypes(tensors: ModelTensors): ModelInfo['tensorTypes'] {
  const types = new Map<string, { type: string; tensors: number; bytes: number }>()
  for (const source of matricesIn(tensors)) {
    const type = source.format.name
    for (const { tensor } of source.parts) {
      const entry = types.get(type) ?? { type, tensors: 0, bytes: 0 }
      entry.tensors += 1
      entry.bytes += tensor.bytes
      types.set(type, entry)
    }
  }
  return [...types.values()].sort((a, b) => b.bytes - a.bytes)
}
