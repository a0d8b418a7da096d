import { activates } from '../src/kernels/activation'
import { weightFormats } from '../src/kernels/formats'
import { halfMatmul, halfStride } from '../src/kernels/half-rows'
import { int8Matmul, int8Matvec, int8Stride } from '../src/kernels/int8-products'
import { matmul, matvec, plainProduct } from '../src/kernels/matmul'
import { reads, type WeightFormat } from '../src/kernels/weights/format'
import type { Variants } from '../src/model/variants'
import { type KernelCase, kernelCase } from './kernel-case'
import { type Product, promptTokens } from './kernel-shapes'

interface ProductOptions {
  /** In how many segments a row is summed. */
  readonly segments: number
  /** Whether the browser's WGSL has products of packed integers. */
  readonly packedDot: boolean
}

/** A tensor type that the product's columns are whole blocks of; null: they are not. */
export function formatFor(type: string, { columns }: Product): WeightFormat | null {
  const format = weightFormats.get(type)
  if (!format) throw new Error(`there is no tensor type ${type}`)
  return columns % format.unitWeights === 0 ? format : null
}

/**
 * One token through matvec, many through matmul, where lanes do not share loads from rows as f16 as well; where the tensor type has
 * integers, those of `fast` too.
 */
export function productCases(
  product: Product,
  type: string,
  variants: Variants,
  { segments, packedDot }: ProductOptions,
): KernelCase[] {
  const { rows, columns, residual, gated } = product
  const format = formatFor(type, product)
  if (!format) return []
  const groups = columns / 32
  const planes = format.planes(rows * groups)
  const outputs = gated ? rows / 2 : rows
  const activation = activates({ kind: gated ? 'silu' : 'none' })
  const forms = [1, promptTokens].flatMap((tokens) => [
    { tokens, inBytes: false, half_rows: false },
    ...(tokens > 1 && !variants.matmul.subgroups ? [{ tokens, inBytes: false, half_rows: true }] : []),
    ...(format.integers ? [{ tokens, inBytes: true, half_rows: false }] : []),
  ])
  return forms.map(({ tokens, inBytes, half_rows }) => {
    const many = tokens > 1
    const stride = inBytes ? int8Stride(columns) : half_rows ? halfStride(columns) : columns / 4
    const [few, most] = inBytes
      ? ([variants.int8Matvec, variants.int8Matmul] as const)
      : ([{ ...variants.matvec, columns: 1 }, variants.matmul] as const)
    const { subgroups, ...point } = many ? most : few
    const packed_dot = inBytes && packedDot && variants.packedDot === 1
    return kernelCase(
      inBytes ? (many ? int8Matmul : int8Matvec) : half_rows ? halfMatmul : many ? matmul : matvec,
      `${product.name} ${type} [${rows}, ${columns}] × ${tokens}`,
      2 * rows * columns * tokens,
      {
        variant: {
          constants: { ...point, ...activation.constants },
          ...reads(format),
          conditions: { ...format.conditions, residual, gated, packed_dot, half_rows, subgroups },
        },
        buffers: {
          weights: planes.words,
          x: 4 * stride * Math.max(8, tokens),
          constants: 4,
          routes: 4,
          y: outputs * Math.max(8, tokens),
        },
        params: {
          ...plainProduct,
          rows,
          groups,
          segment_groups: Math.ceil(groups / segments),
          ...planes,
          x_stride: stride,
          y_stride: outputs,
          y_offset: 0,
        },
        shape: {
          ...{ tokens, rows, outputs, columns, weightBytes: 4 * planes.words, residual },
          xBytes: (16 * stride) / columns,
        },
      },
    )
  })
}
