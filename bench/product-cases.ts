import { activates } from '../src/kernels/activation'
import { weightFormats } from '../src/kernels/formats'
import { halfMatmul, halfStride } from '../src/kernels/half-rows'
import { int8Matmul, int8Matvec, int8MatvecRounding, int8Stride } from '../src/kernels/int8-products'
import { roundedQuads } from '../src/kernels/int8-rows'
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

interface Form {
  readonly tokens: number
  /** What rows are taken as; bytes as `int8Rows` rounds them, or as each workgroup does. */
  readonly takes: 'floats' | 'halves' | 'bytes' | 'own bytes'
}

const kernelOf = {
  floats: { few: matvec, many: matmul },
  halves: { few: matvec, many: halfMatmul },
  bytes: { few: int8Matvec, many: int8Matmul },
  'own bytes': { few: int8MatvecRounding, many: int8Matmul },
}

/** A tensor type that the product's columns are whole blocks of; null: they are not. */
export function formatFor(type: string, { columns }: Product): WeightFormat | null {
  const format = weightFormats.get(type)
  if (!format) throw new Error(`there is no tensor type ${type}`)
  return columns % format.unitWeights === 0 ? format : null
}

/**
 * One token through matvec, many through matmul, where lanes do not share loads from rows as f16 as well; where the tensor type has
 * integers, those of `fast` too, of one token also where each workgroup rounds the row by itself.
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
  const form = (tokens: number, takes: Form['takes'], fits = true): readonly Form[] =>
    fits ? [{ tokens, takes }] : []
  const { integers = false } = format
  const forms = [
    ...form(1, 'floats'),
    ...form(1, 'bytes', integers),
    ...form(1, 'own bytes', integers),
    ...form(promptTokens, 'floats'),
    ...form(promptTokens, 'halves', !variants.matmul.subgroups),
    ...form(promptTokens, 'bytes', integers),
  ]
  return forms.map(({ tokens, takes }) => {
    const many = tokens > 1
    const half_rows = takes === 'halves'
    const rounds = takes === 'own bytes'
    const inIntegers = takes === 'bytes' || rounds
    const stride = takes === 'bytes' ? int8Stride(columns) : half_rows ? halfStride(columns) : columns / 4
    const [few, most] = inIntegers
      ? ([variants.int8Matvec, variants.int8Matmul] as const)
      : ([{ ...variants.matvec, columns: 1 }, variants.matmul] as const)
    const { subgroups, ...point } = many ? most : few
    const packed_dot = inIntegers && packedDot && variants.packedDot === 1
    return kernelCase(
      kernelOf[takes][many ? 'many' : 'few'],
      `${product.name} ${type} [${rows}, ${columns}] × ${tokens}`,
      2 * rows * columns * tokens,
      {
        variant: {
          constants: { ...point, ...activation.constants },
          ...reads(format),
          moduleConstants: {
            ...reads(format).moduleConstants,
            ...(rounds && { row_quads: roundedQuads(groups, false) }),
          },
          conditions: { ...format.conditions, residual, gated, packed_dot, half_rows, rounds, subgroups },
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
