import type { DeviceInfo, GpuDevice } from '../gpu/device'
import type { DroppedVariant, VariantDiagnostics } from '../util/diagnostics'
import type { Invariance } from '../util/invariance'
import type { Precision } from '../util/precision'
import type { Activations } from './activations'
import type { ModelDescription } from './description'
import { blockSize, type KvCache } from './kv-cache'
import type { ModelTensors } from './tensors'
import type { Variants } from './variants'

/** What a loaded model says of itself. */
export interface ModelInfo {
  readonly description: ModelDescription
  readonly vocab: number
  readonly parameters: number
  /** Tensors of each type, most bytes first. */
  readonly tensorTypes: readonly { readonly type: string; readonly tensors: number; readonly bytes: number }[]
  readonly device: DeviceInfo
  readonly variants: Variants
  readonly invariance: Invariance
  readonly dropped: readonly DroppedVariant[]
  readonly diagnostics: VariantDiagnostics
  readonly pipelines: number
  readonly precision: Precision
  /** With `fast`: types of matrices whose products are exact all the same. */
  readonly exactTypes: readonly string[]
  readonly kvCache: Pick<KvCache, 'format' | 'blocks' | 'maxTokens' | 'bytes'> & {
    readonly blockSize: number
  }
  /** Bytes of all buffers on the GPU, and the most that there were during the load. */
  readonly gpuBytes: number
  readonly peakGpuBytes: number
}

interface LoadedParts {
  readonly gpu: GpuDevice
  readonly description: ModelDescription
  readonly tensors: ModelTensors
  readonly cache: KvCache
  readonly variants: Variants
  readonly invariance: Invariance
  readonly dropped: readonly DroppedVariant[]
  readonly diagnostics: VariantDiagnostics
  readonly precision: Precision
  readonly activations: Pick<Activations, 'rounded'>
}

export function describeModel(parts: LoadedParts): ModelInfo {
  const { gpu, description, tensors, cache, variants, invariance, precision, dropped } = parts
  const { format, blocks, maxTokens, bytes } = cache
  return {
    description,
    vocab: tensors.vocab,
    parameters: parametersOf(tensors),
    tensorTypes: tensorTypes(tensors),
    device: gpu.info,
    variants,
    invariance,
    precision,
    exactTypes: precision === 'fast' ? exactTypes(parts) : [],
    dropped,
    diagnostics: parts.diagnostics,
    pipelines: gpu.pipelines,
    kvCache: { format, blocks, maxTokens, bytes, blockSize },
    gpuBytes: gpu.bytes,
    peakGpuBytes: gpu.peakBytes,
  }
}

/** Weights of the model, whatever they are packed into and whatever lies beside them. */
export function parametersOf({ matrices, constants, layers }: ModelTensors): number {
  const small = [constants, ...layers.map((layer) => layer.constants)].flatMap(({ entries }) => entries)
  const inMatrices = matrices.reduce((sum, { rows, columns }) => sum + rows * columns, 0)
  return small.reduce((sum, { tensor }) => sum + tensor.dims.reduce((a, b) => a * b, 1), inMatrices)
}

/** Types whose products round nothing. */
function exactTypes({ tensors: { matrices }, activations }: LoadedParts): string[] {
  const rounds = activations.rounded !== null
  const exact = matrices.filter(
    ({ format, expertRows }) => !rounds || !format.integers || expertRows !== undefined,
  )
  return [...new Set(exact.map(({ format }) => format.name))].sort()
}

function tensorTypes(tensors: ModelTensors): ModelInfo['tensorTypes'] {
  const types = new Map<string, { type: string; tensors: number; bytes: number }>()
  for (const source of tensors.matrices) {
    const type = source.format.name
    // A stack of experts has parts of one tensor.
    for (const tensor of new Set(source.parts.map((part) => part.tensor))) {
      const entry = types.get(type) ?? { type, tensors: 0, bytes: 0 }
      entry.tensors += 1
      entry.bytes += tensor.bytes
      types.set(type, entry)
    }
  }
  return [...types.values()].sort((a, b) => b.bytes - a.bytes)
}
