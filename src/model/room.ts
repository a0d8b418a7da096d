import { countingGpu } from '../gpu/counting-gpu'
import { GpuDevice } from '../gpu/device'
import { weightFormats } from '../kernels/formats'
import { makeRoom, type RoomOptions } from './load'
import { parametersOf } from './model-info'
import { readDescription } from './read-description'
import { findTensors } from './tensors'
import { createWeights } from './weights'

/** What a model takes on a GPU. */
export interface Room {
  /** All buffers: weights, KV cache, activations. */
  readonly bytes: number
  readonly weightBytes: number
  readonly kvCacheBytes: number
  /** Tokens of one conversation. */
  readonly contextTokens: number
  readonly parameters: number
}

/** How a model that reads whole texts is laid out. */
type Encoders = Pick<typeof import('./load-encoder'), 'encoderTensors' | 'makeEncoderRoom'>

/**
 * Counts what a model would take, by the code that makes room for it, on a device that makes no buffers. null: on a GPU
 * without limits.
 *
 * @throws OctavoError 'unsupported-architecture', 'unsupported-tensor-type', 'malformed-file', 'no-adapter',
 *   'limits-too-small', 'invalid-option', 'network' where the part for encoders cannot be fetched
 */
export async function roomNeeded(
  gpu: GPU | null,
  options: RoomOptions,
  fetchEncoders: () => Promise<Encoders>,
): Promise<Room> {
  const description = readDescription(options.header)
  const encoders = description.pooled ? await fetchEncoders() : null
  const tensors = encoders
    ? encoders.encoderTensors(options.header, description, options)
    : findTensors(options.header, description, options.floatWeights)
  const device = await GpuDevice.open(countingGpu(gpu))
  const make = encoders?.makeEncoderRoom ?? makeRoom
  const { cache, limits } = await make(device, description, tensors, options)
  const forWeights = await GpuDevice.open(countingGpu(gpu))
  createWeights(forWeights, tensors)
  return {
    bytes: device.bytes,
    weightBytes: forWeights.bytes,
    kvCacheBytes: cache.bytes,
    contextTokens: limits.maxContext,
    parameters: parametersOf(tensors),
  }
}

/** The tensor types that matrices may have: `Q4_0`, `F16`, … */
export function readTypeNames(): readonly string[] {
  return [...weightFormats.keys()]
}
