import type { GpuDevice } from '../../src/gpu/device'
import type { Kernel } from '../../src/gpu/kernel'
import { type Activation, activates } from '../../src/kernels/activation'
import { type MatmulShape, matmul, matvec, plainProduct } from '../../src/kernels/matmul'
import { matvecColumns } from '../../src/model/plan'
import type { Variants } from '../../src/model/variants'
import { activate, gated as gatedValue } from '../reference/activation'
import { matmul as reference } from '../reference/matmul'
import { runKernel, testVariants } from './gpu'
import { gamma } from './gpu-compare'
import type { Random } from './gpu-random'
import type { TestMatrix } from './gpu-weights'

/** What happens to a product as it is stored. */
export interface ProductForm {
  readonly residual?: boolean
  readonly gated?: boolean
  readonly activation?: Activation
  readonly biased?: boolean
  readonly scale?: number
  readonly cap?: number
  /** Rows of x are parts of wider ones. */
  readonly sliced?: boolean
}

/** One product to compute: X [tokens, columns] with a matrix. */
export interface Product {
  readonly matrix: TestMatrix
  readonly tokens: number
  readonly form: ProductForm
  /** f32 [whole eights of tokens, xStride] */
  readonly x: Float32Array<ArrayBuffer>
  readonly xStride: number
  readonly xOffset: number
  /** f32: what activations learn, and a bias for each row. */
  readonly constants: Float32Array<ArrayBuffer>
  /** f32 [whole eights of tokens, yStride]: what y holds before. */
  readonly before: Float32Array<ArrayBuffer>
  readonly outputs: number
  readonly yStride: number
  readonly yOffset: number
}

/** The forms in which every forward pass uses products. */
const productForms: readonly ProductForm[] = [{}, { residual: true }, { gated: true }]

/** Numbers of xIELU at the beginning of a product's constants. */
const learned = [0.8, 1.3, 0.5]
/** All else that a family may want of a product, each by itself and with others. */
export const otherForms: readonly ProductForm[] = [
  { biased: true, sliced: true },
  { scale: 0.25 },
  { scale: 0.22, residual: true, biased: true },
  { cap: 3, scale: 0.5 },
  { gated: true, biased: true, scale: 1.5, sliced: true },
  { gated: true, biased: true, activation: { kind: 'clamped-swiglu', alpha: 1.702, limit: 1.5 } },
  { activation: { kind: 'xielu', at: 0 }, biased: true },
  { activation: { kind: 'gelu' }, gated: true },
]

/** Forms to test with a tensor type: all for two types, one for the others, since each is a pipeline to compile. */
export function formsToTest(type: string): readonly (readonly [name: string, form: ProductForm])[] {
  const few = type !== 'Q4_1' && type !== 'Q6_K'
  return productForms.slice(0, few ? 1 : 3).map((form) => [formName(form), form])
}

export function formName({ residual, gated, activation, biased, scale, cap, sliced }: ProductForm): string {
  const parts = [
    gated ? 'gated' : '',
    activation ? `by ${activation.kind}` : '',
    biased ? 'with biases' : '',
    scale === undefined ? '' : `times ${scale}`,
    cap === undefined ? '' : `capped at ${cap}`,
    residual ? 'added to y' : '',
    sliced ? 'of a part of x' : '',
  ].filter(Boolean)
  return parts.join(', ') || 'plain'
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
  form: ProductForm,
): Product {
  const rows = paddedTokens(tokens)
  const outputs = form.gated ? matrix.rows / 2 : matrix.rows
  const [yStride, yOffset] = [outputs + 5, 3]
  const width = matrix.groups * 32
  const [xStride, xOffset] = form.sliced ? [width + 12, 8] : [width, 0]
  const x = random.normals(rows * xStride)
  const constants = Float32Array.from([...learned, ...random.normals(matrix.rows)])
  const before = random.normals(rows * yStride)
  return { matrix, tokens, form, x, xStride, xOffset, constants, before, outputs, yStride, yOffset }
}

/** A product's rows as something rounds them, and the same product of what those stand for. */
export function roundedProduct(
  product: Product,
  columns: number,
  round: (row: Float32Array) => { readonly words: Uint32Array; readonly values: readonly number[] },
): { words: Uint32Array<ArrayBuffer>; rounded: Product } {
  const { x, xStride, xOffset, tokens } = product
  const x2 = x.slice()
  const words: number[] = []
  for (let t = 0; t < paddedTokens(tokens); t++) {
    const at = t * xStride + xOffset
    const row = round(x.subarray(at, at + columns))
    words.push(...row.words)
    x2.set(row.values, at)
  }
  return { words: Uint32Array.from(words), rounded: { ...product, x: x2 } }
}

/** Points of `matmul` that a device's variants use. */
export function matmulPoints({ matmul }: Variants): MatmulPoint[] {
  return [...new Set([4, matmul.tokens_per_lane])].map((tokens_per_lane) => ({ ...matmul, tokens_per_lane }))
}

/** Points of `matvec` that a device's variants use. */
export function matvecPoints(variants: Variants): MatvecPoint[] {
  return matvecColumns(variants).map((columns) => ({ ...variants.matvec, columns }))
}

/** Those to test with a tensor type: several columns with one type only, since each is a pipeline to compile. */
export function matvecPointsToTest(gpu: GpuDevice, type: string): MatvecPoint[] {
  const all = testVariants(gpu).flatMap(matvecPoints)
  return type !== 'Q4_1' ? all.filter(({ columns }) => columns === 1) : all
}

interface Point {
  readonly workgroup_size: number
  readonly subgroups?: boolean
  readonly packed_dot?: boolean
  readonly half_rows?: boolean
}
type Words = Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>
export type MatvecPoint = Point & { readonly segment_lanes: number; readonly columns: number }
export type MatmulPoint = Point & { readonly tokens_per_lane: number }

function activationOf({ gated = false, activation }: ProductForm): Activation {
  return activation ?? { kind: gated ? 'silu' : 'none' }
}

/** y after the product, [tokens, yStride], by `matvec` or `matmul` as the point says. */
export function multiply(
  gpu: GpuDevice,
  point: MatvecPoint | MatmulPoint,
  product: Product,
): Promise<Float32Array<ArrayBuffer>> {
  const { x, xStride, xOffset } = product
  const kernel = 'segment_lanes' in point ? matvec : matmul
  return multiplyBy(gpu, kernel, point, product, { x, x_stride: xStride / 4, x_offset: xOffset / 4 })
}

/** The same by a kernel that finds its rows where it is told. */
export async function multiplyBy(
  gpu: GpuDevice,
  // biome-ignore lint/suspicious/noExplicitAny: any kernel of products
  kernel: Kernel<MatmulShape, any, any, any>,
  { subgroups = false, packed_dot = false, half_rows = false, ...point }: MatvecPoint | MatmulPoint,
  product: Product,
  { x, ...xPlace }: { readonly x: Words; readonly x_stride: number; readonly x_offset: number },
): Promise<Float32Array<ArrayBuffer>> {
  const { matrix, tokens, form, constants, before } = product
  const { residual = false, gated = false, biased = false, scale, cap } = form
  const chosen = activates(activationOf(form))
  const run = {
    variant: {
      ...matrix.variant,
      constants: { ...point, ...chosen.constants },
      conditions: {
        ...matrix.variant.conditions,
        residual,
        gated,
        biased,
        scaled: scale !== undefined,
        capped: cap !== undefined,
        subgroups,
        packed_dot,
        half_rows,
      },
    },
    inputs: { weights: matrix.words, x, constants, routes: 1, y: before },
    params: {
      ...plainProduct,
      ...chosen.params,
      rows: matrix.rows,
      groups: matrix.groups,
      segment_groups: Math.ceil(matrix.groups / 8),
      ...matrix.planes,
      ...xPlace,
      y_stride: product.yStride,
      y_offset: product.yOffset,
      bias_at: learned.length,
      scale: scale ?? 1,
      cap: cap ?? 1,
    },
    shape: {
      tokens,
      rows: matrix.rows,
      outputs: product.outputs,
      columns: matrix.columns,
      weightBytes: matrix.words.byteLength,
      residual,
    },
  }
  const outputs = await runKernel<typeof run.shape>(gpu, kernel, run)
  return outputs.floats('y').slice(0, tokens * product.yStride)
}

/** x as the twin takes it: [tokens, columns]. */
function columnsOf({ matrix, tokens, x, xStride, xOffset }: Product): number[] {
  const { columns } = matrix
  return Array.from(
    { length: tokens * columns },
    (_, i) => x[Math.floor(i / columns) * xStride + xOffset + (i % columns)]!,
  )
}

/**
 * What y must hold, [tokens, yStride], and by how much each value may differ.
 *
 * A product of one weight goes through at most 32 additions of its group, the scale and its rounding, the groups of
 * its segment, and 8 segments. What that makes of an activation, the activation itself tells.
 */
export function expectedProduct(product: Product): { y: Float64Array; tolerance: Float64Array } {
  const { matrix, tokens, form, before, outputs, yStride, yOffset } = product
  const { y: sums, magnitude } = reference(matrix, matrix.rows, columnsOf(product))
  const error = gamma(32 + 2 + Math.ceil(matrix.groups / 8) + 8)
  const y = Float64Array.from(before.subarray(0, tokens * yStride))
  const tolerance = new Float64Array(y.length)
  const at = (source: number) => {
    const bias = form.biased ? product.constants[learned.length + (source % matrix.rows)]! : 0
    return { value: sums[source]! + bias, error: error * magnitude[source]! + gamma(1) * Math.abs(bias) }
  }
  for (let t = 0; t < tokens; t++) {
    for (let row = 0; row < outputs; row++) {
      const to = t * yStride + yOffset + row
      const source = t * matrix.rows + row
      const own = form.gated
        ? gatedResult(product, at(source), at(source + outputs))
        : plainResult(product, at(source))
      const old = form.residual ? before[to]! : 0
      y[to] = old + own.value
      tolerance[to] = own.error + gamma(2) * (Math.abs(y[to]!) + Math.abs(old))
    }
  }
  return { y, tolerance }
}

interface Approximate {
  readonly value: number
  readonly error: number
}

function gatedResult({ form, constants }: Product, gate: Approximate, up: Approximate): Approximate {
  const { scale = 1 } = form
  const act = (g: number, u: number) => gatedValue(activationOf(form), scale * g, u, constants)
  const value = act(gate.value, up.value)
  const shaken =
    spread((g) => act(g, up.value), gate) + spread((u) => act(gate.value, u), up) + gate.error * up.error
  const own = activationError(form, scale * gate.value) * (1 + Math.abs(up.value))
  return { value, error: shaken + own + gamma(4) * Math.abs(value) }
}

function plainResult({ form, constants }: Product, sum: Approximate): Approximate {
  const { scale = 1, cap } = form
  const f = (s: number) => {
    const value = scale * activate(activationOf(form), s, constants)
    return cap === undefined ? value : cap * Math.tanh(value / cap)
  }
  const own = activationError(form, sum.value) * scale
  // Three rounded quotients and exponentials near 1.
  const capping = cap === undefined ? 0 : cap * gamma(16)
  return { value: f(sum.value), error: spread(f, sum) + own + capping + gamma(4) * Math.abs(f(sum.value)) }
}

/** How far the function goes while its argument moves by its error. */
function spread(f: (x: number) => number, { value, error }: Approximate): number {
  const middle = f(value)
  return 1.1 * Math.max(Math.abs(f(value + error) - middle), Math.abs(f(value - error) - middle))
}

/** WGSL promises e^x to 3 + 2|x| ulp and a quotient to 2.5 ulp; Φ and tanh are good to 2e-7. */
function activationError(form: ProductForm, x: number): number {
  const { kind } = activationOf(form)
  if (kind === 'none' || kind.startsWith('relu')) return 0
  const [steep, value] = [kind === 'xielu' ? 2 : 1, Math.abs(activate({ kind: 'silu' }, x))]
  if (kind === 'silu') return gamma(2 * (3 + 2 * Math.abs(x) + 2.5 + 2)) * value
  return 5e-7 * steep * (1 + Math.abs(x))
}
