import type { GpuDevice } from '../../src/gpu/device'
import { weightFormats } from '../../src/kernels/formats'
import { packingOf } from '../../src/kernels/packing'
import { createMatrix, type Matrix } from '../../src/model/matrix'
import type { MatrixPart, MatrixSource } from '../../src/model/matrix-source'
import { WeightUploader } from '../../src/model/upload'
import type { TensorInfo } from '../../src/util/model-file'
import { readBuffer } from './gpu'

/** A piece of a file: where it begins, and its bytes. */
export type Piece = readonly [offset: number, bytes: Uint8Array<ArrayBuffer>]

export interface Uploaded {
  readonly matrices: readonly Matrix[]
  /** For each matrix the planes of its shards, as they lie on the GPU. */
  readonly planes: readonly (readonly Uint32Array<ArrayBuffer>[])[]
  readonly constants: ReadonlyMap<string, Float32Array>
}

/**
 * Sends the pieces of a file to the GPU as a model's load does, and reads the planes back. Each entry of `sources` is a
 * matrix, given by the tensors [columns, rows] that it is put together from.
 */
export async function upload(
  gpu: GpuDevice,
  sources: readonly (readonly TensorInfo[])[],
  constants: readonly TensorInfo[],
  pieces: Iterable<Piece>,
  maxBindingBytes = gpu.info.maxBindingBytes,
): Promise<Uploaded> {
  const narrow: GpuDevice = Object.create(gpu, { info: { value: { ...gpu.info, maxBindingBytes } } })
  const matrices = sources.map((tensors) => createMatrix(narrow, sourceOf(tensors)))
  const uploader = await WeightUploader.create(gpu, matrices, constants)
  const writes: Promise<void>[] = []
  for (const [offset, bytes] of pieces) writes.push(uploader.write(offset, bytes))
  await Promise.all(writes)
  const values = await uploader.finish()
  const planes: Uint32Array<ArrayBuffer>[][] = []
  for (const { shards } of matrices) {
    const read: Uint32Array<ArrayBuffer>[] = []
    for (const shard of shards) {
      read.push(new Uint32Array(await readBuffer(gpu, shard.buffer, 4 * shard.planes.words)))
    }
    planes.push(read)
  }
  return { matrices, planes, constants: values }
}

function sourceOf(tensors: readonly TensorInfo[]): MatrixSource {
  const { name, type, dims } = tensors[0]!
  const format = weightFormats.get(type)!
  const parts: MatrixPart[] = []
  let rows = 0
  for (const tensor of tensors) {
    parts.push({ tensor, firstRow: rows, rows: tensor.dims[1]!, packing: packingOf(format) })
    rows += tensor.dims[1]!
  }
  return { name, format, parts, columns: dims[0]!, rows }
}
