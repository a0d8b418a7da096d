import type { GpuDevice } from '../gpu/device'
import { attentionIn } from './attention-in'
import type { ModelDescription } from './description'
import { createMatrix, type Matrix } from './matrix'
import type { MatrixSource } from './matrix-source'
import { type RopeDescription, ropeTable } from './rope'
import type { ModelTensors } from './tensors'

/** Everything of a model that the forward pass reads. */
export interface ModelWeights {
  readonly matrices: readonly Matrix[]
  readonly matrix: (source: MatrixSource) => Matrix
  /** f32, one for each layer: norms, biases and other small tensors, see `Constants` */
  readonly layers: readonly GPUBuffer[]
  /** f32: those of no layer */
  readonly constants: GPUBuffer
  /** f32 [positions, head dim]: cosine and sine of each pair in turn */
  readonly rope: (rope: RopeDescription) => GPUBuffer
}

/** Makes room for a model's weights; nothing is in it yet. */
export function createWeights(gpu: GpuDevice, tensors: ModelTensors): Omit<ModelWeights, 'rope'> {
  const matrices = new Map(tensors.matrices.map((source) => [source, createMatrix(gpu, source)]))
  const constants = ({ label, length }: ModelTensors['constants']) => gpu.storage(label, 4 * length)
  return {
    matrices: [...matrices.values()],
    matrix: (source) => found(matrices, source),
    layers: tensors.layers.map((layer) => constants(layer.constants)),
    constants: constants(tensors.constants),
  }
}

/** Makes room for the tables of RoPE, one for each way in which layers turn. */
export function createRopeTables(
  gpu: GpuDevice,
  { layers }: ModelDescription,
  positions: number,
): ReadonlyMap<RopeDescription, GPUBuffer> {
  const tables = new Map<RopeDescription, GPUBuffer>()
  for (const { rope } of attentionIn(layers)) {
    if (rope === null || tables.has(rope)) continue
    tables.set(rope, gpu.storage('rope, f32 [positions, head dim]', 4 * positions * rope.headDim))
  }
  return tables
}

/** A part asks for what was made for it. */
export function found<Key, Value>(map: ReadonlyMap<Key, Value>, key: Key): Value {
  const value = map.get(key)
  if (value === undefined) throw new Error('a part asks for what no layer has')
  return value
}

/** Writes the small tensors, given by name as f32, and what is computed from them. */
export function writeConstants(
  gpu: GpuDevice,
  tensors: ModelTensors,
  weights: ModelWeights,
  ropeTables: ReadonlyMap<RopeDescription, GPUBuffer>,
  values: ReadonlyMap<string, Float32Array<ArrayBuffer>>,
): void {
  const write = (buffer: GPUBuffer, floats: Float32Array<ArrayBuffer>) =>
    gpu.device.queue.writeBuffer(buffer, 0, floats)
  weights.layers.forEach((buffer, i) => {
    write(buffer, tensors.layers[i]!.constants.pack(values))
  })
  const packed = tensors.constants.pack(values)
  write(weights.constants, packed)
  for (const [rope, table] of ropeTables) {
    const positions = Math.floor(table.size / (4 * rope.headDim))
    const place = rope.divisors === null ? undefined : tensors.ropeDivisors.get(rope.divisors)
    const divisors = place ? packed.subarray(place.at, place.at + place.count) : null
    write(table, ropeTable(rope, positions, divisors))
  }
}
