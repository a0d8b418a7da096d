import { activates } from '../src/kernels/activation'
import { plainHeads } from '../src/kernels/heads'
import { int8MatvecRounding, int8Stride } from '../src/kernels/int8-products'
import { kvRegionWords } from '../src/kernels/kv-format'
import { matvec, noNorm, plainProduct } from '../src/kernels/matmul'
import {
  fusedRow,
  projectHeads,
  projectHeadsInBytes,
  projectHeadsRounding,
  projectLanes,
} from '../src/kernels/rope-kv'
import { reads } from '../src/kernels/weights/format'
import { blockSize } from '../src/model/kv-cache'
import type { Variants } from '../src/model/variants'
import { headNumbers } from './attention-cases'
import { type KernelCase, kernelCase } from './kernel-case'
import { layerProducts, type ModelShape, type Product } from './kernel-shapes'
import { formatFor } from './product-cases'

/** Splits of one token's context that a product merges. */
const splits = 4

/** How a product of one token takes its row: as it is stored, or as it makes and rounds it. */
interface RowForm {
  readonly makes: 'normalizes' | 'combines' | null
  readonly takes: 'floats' | 'bytes' | 'own bytes'
}

interface FusedOptions {
  /** Whether the browser's WGSL has products of packed integers. */
  readonly packedDot: boolean
}

/**
 * What one kernel does for one token instead of two: heads that are projected and put into a cache of f16, and products that
 * normalize their row or merge it from the splits of attention; where the tensor type has integers, those of `fast` too. Beside them in
 * the table stand the kernels apart.
 */
export function fusedCases(
  model: ModelShape,
  type: string,
  variants: Variants,
  { packedDot }: FusedOptions,
): KernelCase[] {
  const [qkv, output, gateUp] = layerProducts(model) as [Product, Product, Product]
  const format = formatFor(type, qkv)
  const own = format?.integers ? (['floats', 'own bytes'] as const) : (['floats'] as const)
  const packed = { ...variants, packedDot: packedDot ? variants.packedDot : 0 } as const
  return [
    headsCase(model, type, packed, qkv, { makes: null, takes: 'floats' }),
    ...(format?.integers ? [headsCase(model, type, packed, qkv, { makes: null, takes: 'bytes' })] : []),
    ...own.flatMap((takes) => [
      headsCase(model, type, packed, qkv, { makes: 'normalizes', takes }),
      madeRowCase(model, type, packed, gateUp, { makes: 'normalizes', takes }),
      madeRowCase(model, type, packed, output, { makes: 'combines', takes }),
    ]),
  ].filter((each) => each !== null)
}

const norms = ({ columns }: Product) => ({ ...noNorm, norm_width: columns, norm_eps: 1e-5 })

function headsCase(
  model: ModelShape,
  type: string,
  variants: Variants,
  product: Product,
  { makes, takes }: RowForm,
): KernelCase | null {
  const inBytes = takes !== 'floats'
  const rounds = takes === 'own bytes'
  const { subgroups, ...point } = inBytes ? variants.int8Matvec : variants.matvec
  const normalizes = makes === 'normalizes'
  const format = formatFor(type, product)
  if (!format) return null
  const { heads, kvHeads, headDim } = model
  const { rows, columns } = product
  const groups = columns / 32
  const planes = format.planes(rows * groups)
  const head = headNumbers(model, 'f16')
  const values_at = kvHeads * kvRegionWords('f16', headDim, blockSize)
  const { moduleConstants, ...module } = reads(format)
  return kernelCase(
    { floats: projectHeads, bytes: projectHeadsInBytes, 'own bytes': projectHeadsRounding }[takes],
    `qkv ${type} [${rows}, ${columns}]${normalizes ? ', normalizes' : ''}${takes === 'bytes' ? ', in bytes' : ''}`,
    2 * rows * columns,
    {
      variant: {
        ...module,
        moduleConstants: { ...moduleConstants, ...(normalizes && { row_quads: columns / 4 }) },
        constants: {
          ...head,
          ...point,
          workgroup_size: projectLanes(headDim, point.segment_lanes, 256),
          columns: 1,
          rope_dim: headDim,
        },
        conditions: {
          ...{ ...format.conditions, projects: true, normalizes, subgroups },
          ...{ in_bytes: inBytes, rounds, packed_dot: inBytes && variants.packedDot === 1 },
        },
      },
      buffers: {
        weights: planes.words,
        x: columns,
        rope: headDim,
        batch: new Uint32Array(4),
        constants: columns,
        q: heads * headDim,
        cache: 2 * values_at,
      },
      params: {
        ...plainHeads.params,
        ...norms(product),
        ...fusedRow(head),
        positions_at: 0,
        slots_at: 1,
        values_at,
        rope_quads: headDim / 4,
        scale: 1,
        first_head: 0,
        first_row: 0,
        rows,
        groups,
        segment_groups: Math.ceil(groups / 8),
        ...planes,
        x_stride: takes === 'bytes' ? int8Stride(columns) : columns / 4,
        bias_at: 0,
      },
      shape: { tokens: 1, count: heads + 2 * kvHeads, columns, weightBytes: 4 * planes.words },
    },
  )
}

function madeRowCase(
  model: ModelShape,
  type: string,
  variants: Variants,
  product: Product,
  { makes, takes }: RowForm,
): KernelCase | null {
  const rounds = takes === 'own bytes'
  const { subgroups, ...point } = rounds ? variants.int8Matvec : { ...variants.matvec, columns: 1 }
  const format = formatFor(type, product)
  if (!format) return null
  const { rows, columns, residual, gated } = product
  const groups = columns / 32
  const planes = format.planes(rows * groups)
  const outputs = gated ? rows / 2 : rows
  const { heads, value_dim, split_size, window } = headNumbers(model, 'f16')
  const merges = makes === 'combines'
  const { moduleConstants, ...module } = reads(format)
  const position = splits * split_size - 1
  return kernelCase(
    rounds ? int8MatvecRounding : matvec,
    `${product.name} ${type} [${rows}, ${columns}], ${merges ? `merges ${splits} splits` : 'normalizes'}`,
    2 * rows * columns,
    {
      variant: {
        ...module,
        moduleConstants: {
          ...moduleConstants,
          row_quads: columns / 4,
          ...(merges && { heads, value_dim, split_size, window }),
        },
        constants: { ...point, ...activates({ kind: gated ? 'silu' : 'none' }).constants },
        conditions: {
          ...{ ...format.conditions, residual, gated, [merges ? 'combines' : 'normalizes']: true, subgroups },
          ...{ rounds, packed_dot: rounds && variants.packedDot === 1 },
        },
      },
      buffers: {
        weights: planes.words,
        x: merges ? heads * splits * (4 + value_dim) : columns,
        constants: columns,
        routes: Uint32Array.of(0, 1, position, 0, position + 1),
        y: outputs,
      },
      params: {
        ...plainProduct,
        ...(merges ? { splits } : norms(product)),
        rows,
        groups,
        segment_groups: Math.ceil(groups / 8),
        ...planes,
        x_stride: columns / 4,
        y_stride: outputs,
        y_offset: 0,
      },
      shape: { tokens: 1, rows, outputs, columns, weightBytes: 4 * planes.words, residual },
    },
  )
}
