import type { Packing } from '../../kernels/packing'
import { groupWeights, type MatrixFormat } from '../../kernels/weights/format'
import type { TensorInfo } from '../../util/model-file'
import { OctavoError } from '../../util/octavo-error'

/** Small tensors beside a matrix that the CPU reads once they have come whole. */
export interface MatrixNote {
  readonly tensors: readonly TensorInfo[]
  /**
   * The words of the matrix's plane `table`; null where the tensors are only looked at.
   *
   * @throws OctavoError where they say what cannot be
   */
  readonly read: (tensors: readonly Uint8Array<ArrayBuffer>[]) => Uint32Array<ArrayBuffer> | null
}

/** A matrix of a model's file: the format it will have on the GPU, and the tensors that it comes from. */
export interface FoundMatrix {
  readonly format: MatrixFormat
  readonly parts: readonly { readonly tensor: TensorInfo; readonly packing: Packing }[]
  readonly notes: readonly MatrixNote[]
  /** Whether it may lie in one buffer with others of its format, row after row. */
  readonly joins: boolean
}

/** Looks tensors of a model's file up; those that it was asked for count as used. */
export interface TensorLookup {
  has(name: string): boolean
  /**
   * The tensor with a type of `types` and that shape, outermost dimension first.
   *
   * @throws OctavoError 'malformed-file' where it is missing or another
   */
  typed(name: string, types: readonly string[], shape: readonly number[]): TensorInfo
  /** The tensor, whatever its shape and type. */
  any(name: string): TensorInfo
}

/** How a repo's matrices are quantized, as its config.json says. */
export interface Quantization {
  /** As people say it: 'GPTQ 4-bit g128'. */
  readonly name: string
  /**
   * The matrix [rows, columns] whose tensors begin with `stem` and a dot; null where it is not quantized. `biased`: its product
   * adds a bias, which is none of its tensors.
   *
   * @throws OctavoError 'malformed-file', 'unsupported-tensor-type'
   */
  find(
    stem: string,
    rows: number,
    columns: number,
    tensors: TensorLookup,
    biased: boolean,
  ): FoundMatrix | null
}

export function unsupportedQuantization(message: string): OctavoError {
  return new OctavoError('unsupported-tensor-type', message, 'Choose another quantization of this model.')
}

/** @param group weights of a row that share a scale */
export function checkGroup(stem: string, columns: number, group: number): void {
  if (columns % group !== 0) {
    throw unsupportedQuantization(
      `The group_size ${group} does not divide the ${columns} columns of '${stem}'.`,
    )
  }
  if (columns % groupWeights !== 0 || group % groupWeights !== 0) {
    throw unsupportedQuantization(
      `'${stem}' has rows of ${columns} weights in groups of ${group}: both must be multiples of ${groupWeights}.`,
    )
  }
}

/** The floats of a tensor of scales. */
export function floatKind({ type }: TensorInfo): 'f16' | 'bf16' | 'f32' {
  if (type === 'F32') return 'f32'
  return type === 'F16' ? 'f16' : 'bf16'
}
