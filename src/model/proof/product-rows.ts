import type { Pipeline } from '../../gpu/pipeline'
import { roundedQuads } from '../../kernels/int8-rows'
import { notMade } from '../../kernels/matmul'
import { groupWeights } from '../../kernels/weights/format'
import { paddedColumns } from '../matrix'
import { groupWordsOf, type Rounding } from '../rounded-rows'
import { madeInput, type ProductInput } from './made-inputs'
import { productActivations, productShape } from './product-inputs'
import type { Trials } from './trials'

const { columns, tokens } = productShape
/** Rows of x and y: whole eights, which the kernels touch. */
export const paddedTokens = 8

/** What a product is given. */
export interface Input extends ProductInput {
  /** What has rounded its rows. */
  readonly rounds?: Pipeline
}

/** The first so many of the known activations; `buffers` has all. */
export function storedRows(trials: Trials, buffers: ProductInput['buffers'], width: number): Input {
  if (width === columns) return storedInput(buffers, width)
  return storedInput({ ...buffers, x: trials.buffer('x', padded(width)) }, width)
}

function storedInput(buffers: ProductInput['buffers'], width: number): Input {
  return { buffers, params: { x_stride: paddedColumns(width) / 4 }, width }
}

/** Of the known activations, as many as a product has room for that rounds stored rows by itself. */
export function widthOf({ variant: { conditions = {}, moduleConstants = {} } }: Pipeline): number {
  return conditions.rounds
    ? Math.min(columns, (moduleConstants.row_quads! / roundedQuads(1, false)) * groupWeights)
    : columns
}

/** What a product reads of rows in storage: as they are, or as some pipeline rounds them; null: none does. */
export function readBy(
  trials: Trials,
  product: Pipeline,
  pipelines: readonly Pipeline[],
  rowsOfX: Input,
): Input | null {
  const takes = takenBy(product)
  if (!takes) return rowsOfX
  const rounds = pipelines.find((each) => each.kernel.shader === 'int8_rows' && !makesRows(each))
  const rounded = rounds ? [roundInput(trials, rounds, rowsOfX)] : []
  return roundedInputs(rounded, takes, rowsOfX.buffers, false)[0] ?? null
}

export function inIntegers({ kernel }: Pipeline): boolean {
  return kernel.shader.startsWith('int8')
}

/** What a product takes rows as that something else has rounded, and what rounds them gives; null: f32. */
export function takenBy({ kernel, variant }: Pipeline): Rounding | null {
  if (variant.conditions?.rounds) return null
  if (kernel.shader.startsWith('int8')) return 'bytes'
  return variant.conditions?.half_rows || kernel.shader === 'half_rows' ? 'f16' : null
}

interface RoundedInput extends Pick<ProductInput, 'width'> {
  readonly pipeline: Pipeline
  readonly words: GPUBuffer
}

/** Rows that are made before they are rounded are for the products of one matrix, which is enough to try them. */
export function roundedInputs(
  rounded: readonly RoundedInput[],
  takes: Rounding,
  buffers: ProductInput['buffers'],
  withMade: boolean,
): readonly Input[] {
  return rounded
    .filter(({ pipeline }) => takenBy(pipeline) === takes && (withMade || !makesRows(pipeline)))
    .map(({ pipeline: rounds, words, width }) => ({
      buffers: { ...buffers, x: words },
      params: { x_stride: (paddedColumns(width) / groupWeights) * (groupWordsOf[takes] / 4) },
      rounds,
      width,
    }))
}

export function makesRows({ variant: { conditions = {} } }: Pipeline): boolean {
  return conditions.normalizes === true || conditions.combines === true
}

/** The known activations as integers or as f16, which give them without rounding. */
export function roundRows(
  trials: Trials,
  pipeline: Pipeline,
  x: GPUBuffer,
  biases: Float32Array<ArrayBuffer>,
): RoundedInput {
  const input = makesRows(pipeline)
    ? madeInput(trials, pipeline, biases)
    : storedInput({ x, constants: x, routes: x }, columns)
  return roundInput(trials, pipeline, input)
}

function roundInput(
  trials: Trials,
  pipeline: Pipeline,
  { buffers, params, width }: ProductInput,
): RoundedInput {
  const makes = makesRows(pipeline)
  const groups = paddedColumns(width) / groupWeights
  const words = trials.buffer('x rounded', paddedTokens * groups * groupWordsOf[takenBy(pipeline)!])
  trials.run(
    pipeline,
    { x: buffers.x, constants: buffers.constants, routes: buffers.routes, y: words },
    { ...notMade, x_stride: columns / 4, x_offset: 0, groups, ...params },
    { tokens: makes ? tokens : paddedTokens, columns: width, makes },
  )
  return { pipeline, words, width }
}

/** The first of the known activations, as products take rows. */
export function padded(width: number): Float32Array<ArrayBuffer> {
  const stride = paddedColumns(width)
  const all = new Float32Array(paddedTokens * stride)
  for (let token = 0; token < tokens; token++)
    all.set(productActivations().subarray(token * columns, token * columns + width), token * stride)
  return all
}
