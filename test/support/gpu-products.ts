import type { GpuDevice } from '../../src/gpu/device'
import { matmul, matvec } from '../../src/kernels/matmul'
import type { Variants } from '../../src/model/variants'
import { matmul as reference } from '../reference/matmul'
import { swiglu } from '../reference/swiglu'
import { isQuick, runKernel } from './gpu'
import { gamma } from './gpu-compare'
import type { Random } from './gpu-random'
import type { TestMatrix } from './gpu-weights'

/** One product to compute: X [tokens, columns] with a matrix, and what happens as it is stored. */
export interface Product {
  readonly matrix: TestMatrix
  readonly tokens: number
  /** f32 [whole eights of tokens, groups · 32] */
  readonly x: Float32Array<ArrayBuffer>
  readonly residual: boolean
  readonly swiglu: boolean
  /** f32 [whole eights of tokens, yStride]: what y holds before. */
  readonly before: Float32Array<ArrayBuffer>
  readonly outputs: number
  readonly yStride: number
  readonly yOffset: number
}

export interface ProductForm {
  readonly residual?: boolean
  readonly swiglu?: boolean
}

/** The forms in which the forward pass uses products. */
const productForms: readonly ProductForm[] = [{}, { residual: true }, { swiglu: true }]

/** Forms to test with a tensor type: all, or where pipelines compile slowly, all for two types and one for the others. */
export function formsToTest(
  gpu: GpuDevice,
  type: string,
): readonly (readonly [name: string, form: ProductForm])[] {
  const few = isQuick(gpu) && type !== 'Q4_1' && type !== 'Q6_K'
  return productForms.slice(0, few ? 1 : 3).map((form) => [formName(form), form])
}

function formName({ residual, swiglu }: ProductForm): string {
  if (residual) return 'added to y'
  return swiglu ? 'gated' : 'plain'
}

/** Rows that x and y have for so many tokens: whole eights, which the products touch. */
export function paddedTokens(tokens: number): number {
  return Math.ceil(tokens / 8) * 8
}

/** Random activations; y has a margin on both sides that must stay as it is. */
export function randomProduct(
  random: Random,
  matrix: TestMatrix,
  tokens: number,
  { residual = false, swiglu = false }: ProductForm,
): Product {
  const rows = paddedTokens(tokens)
  const outputs = swiglu ? matrix.rows / 2 : matrix.rows
  const [yStride, yOffset] = [outputs + 5, 3]
  const x = random.normals(rows * matrix.groups * 32)
  const before = random.normals(rows * yStride)
  return { matrix, tokens, x, residual, swiglu, before, outputs, yStride, yOffset }
}

/** Points of `matmul` that a device's variants use. */
export function matmulPoints({ matmul, tokensPerLane, subgroups }: Variants): MatmulPoint[] {
  return [...new Set([4, tokensPerLane])].map((tokens_per_lane) => ({
    ...matmul,
    tokens_per_lane,
    subgroups,
  }))
}

interface Point {
  readonly workgroup_size: number
  readonly subgroups?: boolean
}
export type MatvecPoint = Point & { readonly segment_lanes: number }
export type MatmulPoint = Point & { readonly rows_per_lane: number; readonly tokens_per_lane: number }

/** y after the product, [tokens, yStride], by `matvec` or `matmul` as the point says. */
export async function multiply(
  gpu: GpuDevice,
  point: MatvecPoint | MatmulPoint,
  product: Product,
): Promise<Float32Array<ArrayBuffer>> {
  const { matrix, tokens, residual } = product
  const kernel = 'segment_lanes' in point ? matvec : matmul
  const outputs = await runProduct(gpu, kernel, point, product, {
    tokens,
    rows: matrix.rows,
    outputs: product.outputs,
    columns: matrix.columns,
    weightBytes: matrix.words.byteLength,
    residual,
  })
  return outputs.floats('y').slice(0, tokens * product.yStride)
}

function runProduct(
  gpu: GpuDevice,
  kernel: typeof matvec | typeof matmul,
  { subgroups = false, ...constants }: MatvecPoint | MatmulPoint,
  { matrix, x, before, residual, swiglu, yStride, yOffset }: Product,
  shape: Parameters<typeof matvec.grid>[0],
) {
  return runKernel(gpu, kernel, {
    variant: {
      ...matrix.variant,
      constants,
      conditions: { ...matrix.variant.conditions, residual, swiglu, subgroups },
    },
    inputs: { weights: matrix.words, x, y: before },
    params: {
      rows: matrix.rows,
      groups: matrix.groups,
      segment_groups: Math.ceil(matrix.groups / 8),
      ...matrix.planes,
      y_stride: yStride,
      y_offset: yOffset,
    },
    shape,
  })
}

/**
 * What y must hold, [tokens, yStride], and by how much each value may differ.
 *
 * A product of one weight goes through at most 32 additions of its group, the scale and its rounding, the groups of
 * its segment, and 8 segments. Of the gate, WGSL promises e^x to 3 + 2|x| ulp and a quotient to 2.5 ulp.
 */
export function expectedProduct(product: Product): { y: Float64Array; tolerance: Float64Array } {
  const { matrix, tokens, before, outputs, yStride, yOffset } = product
  const { columns, groups } = matrix
  const x = Array.from(
    { length: tokens * columns },
    (_, i) => product.x[Math.floor(i / columns) * groups * 32 + (i % columns)]!,
  )
  const { y: sums, magnitude } = reference(matrix, matrix.rows, x)
  const error = gamma(32 + 2 + Math.ceil(groups / 8) + 8)
  const y = Float64Array.from(before.subarray(0, tokens * yStride))
  const tolerance = new Float64Array(y.length)
  for (let t = 0; t < tokens; t++) {
    for (let row = 0; row < outputs; row++) {
      const at = t * yStride + yOffset + row
      const source = t * matrix.rows + row
      if (product.swiglu) {
        const [gate, up] = [sums[source]!, sums[source + outputs]!]
        y[at] = swiglu(gate, up)
        const silu = Math.abs(swiglu(gate, 1))
        const own = gamma(2 * (3 + 2 * Math.abs(gate) + 2.5 + 2))
        const fromGate = 1.1 * error * magnitude[source]! * Math.abs(up)
        tolerance[at] = own * Math.abs(y[at]!) + fromGate + silu * error * magnitude[source + outputs]!
      } else {
        y[at] = sums[source]! + (product.residual ? before[at]! : 0)
        tolerance[at] = error * magnitude[source]! + gamma(2) * Math.abs(y[at]!)
      }
    }
  }
  return { y, tolerance }
}
