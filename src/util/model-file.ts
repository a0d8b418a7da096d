import type { Metadata } from './metadata'

/** One tensor of a model file. */
export interface TensorInfo {
  readonly name: string
  /** ggml's type id: 0 F32, 1 F16, 2 Q4_0, 3 Q4_1, 8 Q8_0, 14 Q6_K, 30 BF16, … */
  readonly type: number
  /** In the file's order: the first is the length of a row, [columns, rows, …]. */
  readonly dims: readonly number[]
  /** Absolute offset of the first byte in the file. */
  readonly offset: number
  readonly bytes: number
}

/** What a model file says of itself before any weight is read. */
export interface ModelHeader {
  readonly metadata: Metadata
  readonly tensors: readonly TensorInfo[]
  /** Size of the whole file. */
  readonly fileBytes: number
}

/**
 * Takes the bytes of a model file as they arrive: consecutive pieces of any length, in any order, each byte once.
 * `bytes` may be reused by the caller once the promise resolves.
 */
export interface WeightSink {
  write(offset: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>
}
