import type { Packing } from '../kernels/packing'
import type { MatrixFormat } from '../kernels/weights/format'
import type { TensorInfo } from '../util/model-file'
import type { MatrixNote } from './quantized/scheme'

/** A tensor that goes into a matrix: all planes of some of its rows, or one plane of them beside other tensors. */
export interface MatrixPart {
  readonly tensor: TensorInfo
  /** The tensor's first row that goes in; 0 where left out. */
  readonly tensorRow?: number
  /** Rows of the matrix that it fills. */
  readonly firstRow: number
  readonly rows: number
  readonly packing: Packing
}

/** Rows of one matrix that lie together on the GPU in one format, by the tensors they come from. */
export interface MatrixSource {
  readonly name: string
  readonly format: MatrixFormat
  readonly parts: readonly MatrixPart[]
  readonly notes?: readonly MatrixNote[]
  readonly columns: number
  readonly rows: number
  /** Rows of an expert's matrix, where it is a stack of those: they lie in one buffer. */
  readonly expertRows?: number
  /** Gate over up: where it is split, each buffer has the gate's rows that match the up projection's in it. */
  readonly halves?: boolean
}
