import type { DeviceInfo, GpuDevice } from '../gpu/device'
import type { Invariance } from '../util/invariance'
import type { ModelHeader } from '../util/model-file'
import type { ModelConfig } from './config'
import { blockSize, type KvCache } from './kv-cache'
import type { ModelTensors } from './tensors'
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
  readonly header: ModelHeader
  readonly cache: KvCache
  readonly variants: Variants
  readonly invariance: Invariance
  readonly dropped: readonly DroppedVariants[]
}

export function describeModel(parts: LoadedParts): ModelInfo {
  const { gpu, config, tensors, header, cache, variants, invariance, dropped } = parts
  const { format, blocks, maxTokens, bytes } = cache
  const count = (dims: readonly number[]) => dims.reduce((product, n) => product * n, 1)
  return {
    config,
    vocab: tensors.vocab,
    parameters: header.tensors.reduce((sum, tensor) => sum + count(tensor.dims), 0),
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

function tensorTypes({ embedding, output, layers }: ModelTensors): ModelInfo['tensorTypes'] {
  const types = new Map<string, { type: string; tensors: number; bytes: number }>()
  const inLayers = layers.flatMap(({ qkv, attentionOutput, gateUp, down }) => [
    ...qkv,
    attentionOutput,
    ...gateUp,
    down,
  ])
  for (const source of new Set([embedding, output, ...inLayers])) {
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
