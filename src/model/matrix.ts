import type { GpuDevice } from '../gpu/device'
import { groupWeights, type MatrixFormat, type Planes } from '../kernels/weights/format'
import type { MatrixPart, MatrixSource } from './matrix-source'

/** Some rows of a matrix in one buffer. */
export interface MatrixShard {
  readonly firstRow: number
  readonly rows: number
  /** u32: the format's planes, see shaders/weights/ */
  readonly buffer: GPUBuffer
  readonly planes: Planes
}

/** A quantized matrix [rows, columns] on the GPU, split by rows where a binding cannot hold it whole. */
export interface Matrix {
  readonly source: MatrixSource
  readonly format: MatrixFormat
  readonly rows: number
  readonly columns: number
  /** Groups of 32 weights in a row; rows are padded with zeros to whole groups. */
  readonly groups: number
  readonly shards: readonly MatrixShard[]
}

/** Columns as activations are laid out for a matrix: rounded up to whole groups. */
export function paddedColumns(columns: number): number {
  return Math.ceil(columns / groupWeights) * groupWeights
}

export function createMatrix(gpu: GpuDevice, source: MatrixSource): Matrix {
  const { rows, columns, format } = source
  const groups = paddedColumns(columns) / groupWeights
  const limit = Math.min(gpu.info.maxBindingBytes, gpu.info.maxBufferBytes)
  const rowsPerShard = shardRows(format, groups, rows, limit, source.expertRows ?? 256)
  const shards: MatrixShard[] = []
  for (let firstRow = 0; firstRow < rows; firstRow += rowsPerShard) {
    const count = Math.min(rowsPerShard, rows - firstRow)
    const planes = format.planes(count * groups)
    const buffer = gpu.storage(`${source.name}, ${format.name}`, 4 * planes.words)
    if (format.table) gpu.device.queue.writeBuffer(buffer, 4 * planes.table, format.table())
    shards.push({ firstRow, rows: count, buffer, planes })
  }
  const inHalves = source.halves && shards.length > 1
  const placed = inHalves ? { ...source, parts: matchingHalves(source, rowsPerShard / 2) } : source
  return { source: placed, format, rows, columns, groups, shards }
}

/** The parts of gate over up, cut and laid anew: so many rows of the gate, as many of the up projection, and so on. */
function matchingHalves({ parts, rows }: MatrixSource, count: number): readonly MatrixPart[] {
  const placed: MatrixPart[] = []
  let row = 0
  for (let first = 0; first < rows / 2; first += count) {
    const last = Math.min(first + count, rows / 2)
    for (const half of [0, rows / 2]) {
      for (const part of parts) {
        const begin = Math.max(part.firstRow, half + first)
        const end = Math.min(part.firstRow + part.rows, half + last)
        if (begin >= end) continue
        const tensorRow = (part.tensorRow ?? 0) + begin - part.firstRow
        const firstRow = row + begin - half - first
        placed.push({ ...part, tensorRow, firstRow, rows: end - begin })
      }
      row += last - first
    }
  }
  return placed
}

/** The most rows, in whole `unit`s where there are several shards, whose planes stay within `limit` bytes. */
function shardRows(format: MatrixFormat, groups: number, rows: number, limit: number, unit: number): number {
  let shards = 1
  for (;;) {
    const count = shards === 1 ? rows : Math.ceil(rows / shards / unit) * unit
    if (4 * format.planes(count * groups).words + 16 <= limit || count <= unit) return count
    shards += 1
  }
}

/** How long the row is that a kernel makes for a product of the matrix. */
export function rowOf({ groups }: Pick<Matrix, 'groups'>) {
  return { row_quads: (groups * groupWeights) / 4 }
}

export function matrixBytes(matrix: Matrix): number {
  return matrix.shards.reduce((sum, shard) => sum + 4 * shard.planes.words, 0)
}

/** Groups in each of the eight segments of a row's sum. */
export function segmentGroups({ groups }: Pick<Matrix, 'groups'>): number {
  return Math.ceil(groups / 8)
}
