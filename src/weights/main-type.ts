import type { TensorInfo } from '../util/model-file'
import { OctavoError } from '../util/octavo-error'

/** The type that has most of the bytes; '' where there are no tensors. */
export function mainType(tensors: readonly TensorInfo[]): string {
  const bytes = new Map<string, number>()
  for (const tensor of tensors) bytes.set(tensor.type, (bytes.get(tensor.type) ?? 0) + tensor.bytes)
  const [type] = [...bytes].sort((a, b) => b[1] - a[1])[0] ?? []
  return type ?? ''
}

/** The type of floats that a reference's tag asks of a safetensors model: `BF16` of `bf16`. */
const types: ReadonlyMap<string, string> = new Map([
  ['bf16', 'BF16'],
  ['f16', 'F16'],
  ['fp16', 'F16'],
  ['f32', 'F32'],
  ['fp32', 'F32'],
])

export function floatTypeOf(tag: string): string | undefined {
  return types.get(tag.toLowerCase())
}

/** @throws OctavoError 'not-found' where the tag asks for another type of floats than the model has */
export function checkFloatType(tag: string, where: string, tensors: readonly TensorInfo[]): void {
  const wanted = floatTypeOf(tag)
  const found = mainType(tensors)
  if (wanted === undefined || found === wanted) return
  throw new OctavoError(
    'not-found',
    `${where} has no file for '${tag}': its safetensors model is in ${found}.`,
    'Leave the tag out, or name “safetensors”.',
  )
}
