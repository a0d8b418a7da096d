import type { Binding, Kernel, KernelVariant, ParamType } from '../gpu/kernel'
import { fieldParams, split } from './repack'
import { groupWeights, type PlaneOffsets, type WeightFormat } from './weights/format'

/** A kernel that lays bytes of a file out as planes: bindings `raw` and `planes`, see repack.ts. */
export type RepackKernel = Kernel<
  { count: number; bytes: number },
  Record<string, Binding>,
  Record<string, ParamType>,
  'workgroup_size'
>

/** Rows of a tensor that go to one shard of a matrix. */
export interface RowSlice {
  /** The first of the tensor's rows that the shard has, and how many it has. */
  readonly firstRow: number
  readonly rows: number
  /** Where the first of them lies in the shard. */
  readonly shardRow: number
  /** Weights in a row. */
  readonly columns: number
}

/** What of a tensor goes to one shard. */
export interface Place {
  /** Bytes of the tensor that the shard needs: from a whole unit to a whole unit, or to the tensor's end. */
  readonly from: number
  readonly to: number
  /** What the kernel is told beside `source`, `first`, `count` and where the planes are. */
  readonly params: Readonly<Record<string, number>>
}

/** How the bytes of a tensor become planes of a weight format. */
export interface Packing {
  readonly kernel: RepackKernel
  readonly conditions?: KernelVariant['conditions']
  readonly moduleConstants?: KernelVariant['moduleConstants']
  /** Smallest piece of the tensor that can be laid out alone; the tensor's last one may be shorter. */
  readonly unitBytes: number
  /** The plane whose first word the kernel is told as `plane`; none: word 0. */
  readonly plane?: keyof PlaneOffsets
  readonly place: (slice: RowSlice) => Place
}

/** Rows of units one after another, laid out one after another. */
export function packRows(
  packing: Omit<Packing, 'place'>,
  /** Weights in a unit. */
  unitWeights: number,
  /** What the kernel is told wherever the rows go. */
  params: Place['params'] = {},
): Packing {
  return {
    ...packing,
    place: ({ firstRow, rows, shardRow, columns }) => {
      const rowUnits = columns / unitWeights
      const groups = Math.ceil(columns / groupWeights)
      const plain = unitWeights < groupWeights
      const rowStride = plain ? (groups * groupWeights) / unitWeights : rowUnits
      const rowBytes = rowUnits * packing.unitBytes
      return {
        from: firstRow * rowBytes,
        to: (firstRow + rows) * rowBytes,
        params: { ...params, base: shardRow * rowStride, row_words: rowUnits, row_stride: rowStride },
      }
    },
  }
}

const packings = new Map<WeightFormat, Packing>()

/** How tensors that a file stores in the format itself are laid out; the same object for the same format. */
export function packingOf(format: WeightFormat): Packing {
  let packing = packings.get(format)
  if (!packing) {
    const { unitBytes, unitWeights } = format
    packing = packRows({ kernel: split, unitBytes }, unitWeights, fieldParams(format))
    packings.set(format, packing)
  }
  return packing
}
