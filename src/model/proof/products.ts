import type { Pipeline } from '../../gpu/pipeline'
import { roundedQuads } from '../../kernels/int8-rows'
import { notMade, plainProduct } from '../../kernels/matmul'
import { groupWeights } from '../../kernels/weights/format'
import { paddedColumns } from '../matrix'
import { groupWordsOf, type Rounding } from '../rounded-rows'
import { switches } from '../variants'
import { activated, gatedBy, isQuadratic, numbers, xielu } from './curves'
import { type KnownMatrix, readsFormat } from './known-matrices'
import { madeInput, type ProductInput } from './made-inputs'
import { knownRows, productActivations, productShape } from './product-inputs'
import type { Trial } from './trial'
import type { Trials } from './trials'

const { rows, columns, tokens } = productShape
/** Rows of x and y: whole eights, which the kernels touch. */
const paddedTokens = 8
const noEntry = 0xffffffff

/** What a product's sums become as they are stored. */
const scale = 0.5
const cap = 4
const before = 0.5
const biasOf = (row: number) => ((row % 7) - 3) / 8

/** Conditions that change no bit of what is known: rows are the same as f16, and integers the same whoever rounds them. */
const giveSameBits: ReadonlySet<string> = new Set([...switches, 'half_rows', 'rounds'])

const productShaders: ReadonlySet<string> = new Set(['matvec', 'matmul', 'int8_matvec', 'int8_matmul'])

/** Lets the pipelines of products multiply a matrix that is known, in each tensor type of the model's. */
export function tryProducts(
  trials: Trials,
  pipelines: readonly Pipeline[],
  matrices: readonly KnownMatrix[],
): readonly Trial[] {
  const products = pipelines.filter(({ kernel }) => productShaders.has(kernel.shader))
  const x = trials.buffer('x', padded(columns))
  const biases = Float32Array.from([...Array.from({ length: rows }, (_, row) => biasOf(row)), ...xielu])
  const constants = trials.buffer('constants', biases)
  const rounded = pipelines
    .filter(({ kernel }) => kernel.shader === 'int8_rows' || kernel.shader === 'half_rows')
    .map((each) => roundRows(trials, each, x, biases))
  const found: Trial[] = []
  const inBytes = matrices.find(({ format }) => format.integers)
  for (const matrix of matrices) {
    const { format, sums } = matrix
    const own = products.filter((each) => readsFormat(each, format))
    for (const pipeline of own) {
      const { conditions = {}, constants: compiled } = pipeline.variant
      const outputs = outputsOf(pipeline)
      const takes = takenBy(pipeline)
      const stored = { x, constants, routes: trials.buffer('routes', routesOf(compiled.tokens_per_lane)) }
      const inputs: readonly Input[] = takes
        ? roundedInputs(rounded, takes, stored, format === inBytes?.format)
        : makesRows(pipeline)
          ? [madeInput(trials, pipeline, biases)]
          : [storedRows(trials, stored, widthOf(pipeline))]
      for (const input of inputs) {
        const { width, rounds = null } = input
        const form = Object.entries({ ...rounds?.variant.conditions, ...conditions })
          .filter(([name, on]) => on && !giveSameBits.has(name))
          .map(([name]) => name)
          .sort()
        const trial = {
          pipeline,
          ...(rounds && { filledBy: rounds }),
          reading: trials.read(multiply(trials, pipeline, matrix, input), 4 * tokens * outputs),
          from: 0,
          count: tokens * outputs,
          name: `${inIntegers(pipeline) ? 'int8 ' : ''}${format.name} ${form} ${compiled.activation}`,
          ...knownValues(sums, conditions, compiled.activation!, outputs),
        }
        if (width === columns) {
          found.push(trial)
          continue
        }
        const plain = own.find((each) => makesTheSame(each, pipeline))
        const read = plain ? readBy(trials, plain, pipelines, storedRows(trials, stored, width)) : null
        if (!plain || !read) continue
        const y = multiply(trials, plain, matrix, read)
        found.push({
          ...trial,
          // The last token's, as what is known.
          from: (tokens - 1) * outputs,
          count: outputs,
          name: `${trial.name} of ${width}`,
          known: [],
          apart: {
            reading: trials.read(y, 4 * tokens * outputs),
            by: [plain, ...(read.rounds ? [read.rounds] : [])],
            within: trial.tolerance,
          },
        })
      }
    }
  }
  return found
}

interface Input extends ProductInput {
  /** What has rounded its rows. */
  readonly rounds?: Pipeline
}

/** The first so many of the known activations; `buffers` has all. */
function storedRows(trials: Trials, buffers: ProductInput['buffers'], width: number): Input {
  if (width === columns) return storedInput(buffers, width)
  return storedInput({ ...buffers, x: trials.buffer('x', padded(width)) }, width)
}

function storedInput(buffers: ProductInput['buffers'], width: number): Input {
  return { buffers, params: { x_stride: paddedColumns(width) / 4 }, width }
}

/** Of the known activations, as many as a product has room for that rounds stored rows by itself. */
function widthOf({ variant: { conditions = {}, moduleConstants = {} } }: Pipeline): number {
  return conditions.rounds
    ? Math.min(columns, (moduleConstants.row_quads! / roundedQuads(1, false)) * groupWeights)
    : columns
}

/** What a product reads of rows in storage: as they are, or as some pipeline rounds them; null: none does. */
function readBy(
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

/** Rows of the matrix: with experts it is a stack of two. */
function rowsOf({ variant }: Pipeline): number {
  return variant.conditions?.experts ? rows / 2 : rows
}

function outputsOf(pipeline: Pipeline): number {
  return rowsOf(pipeline) / (pipeline.variant.conditions?.gated ? 2 : 1)
}

/** Whether a product takes rows as they are stored, in the other one's arithmetic, and makes of their sums what that one does. */
function makesTheSame(each: Pipeline, other: Pipeline): boolean {
  const [one, two] = [each.variant.conditions ?? {}, other.variant.conditions ?? {}]
  return (
    !makesRows(each) &&
    !one.rounds &&
    !one.half_rows &&
    inIntegers(each) === inIntegers(other) &&
    each.variant.constants.activation === other.variant.constants.activation &&
    stored.every((name) => (one[name] ?? false) === (two[name] ?? false))
  )
}

/** Conditions of what becomes of sums. */
const stored = ['gated', 'interleaved', 'experts', 'biased', 'scaled', 'capped', 'residual'] as const

/** @returns the results [tokens, outputs]; of shorter rows the matrix has as many more, of which the first are multiplied. */
function multiply(
  trials: Trials,
  pipeline: Pipeline,
  { format, buffer }: KnownMatrix,
  { buffers, params, width }: Input,
): GPUBuffer {
  const outputs = outputsOf(pipeline)
  const y = trials.buffer('y', new Float32Array(paddedTokens * outputs).fill(before))
  const groups = paddedColumns(width) / groupWeights
  const ofOne = rowsOf(pipeline)
  const experts = rows / ofOne
  const stack = experts > 1 ? { experts, xRepeats: 1 } : undefined
  trials.run(
    pipeline,
    { weights: buffer, ...buffers, y },
    {
      ...plainProduct,
      rows: ofOne,
      groups,
      segment_groups: Math.ceil(groups / 8),
      ...format.planes((rows * columns) / groupWeights),
      y_stride: outputs,
      y_offset: 0,
      scale,
      cap,
      activation_at: rows,
      ...numbers,
      shard_experts: experts,
      x_stride: columns / 4,
      ...params,
    },
    { tokens, rows: ofOne, outputs, columns: width, weightBytes: 0, residual: false, stack },
  )
  return y
}

function inIntegers({ kernel }: Pipeline): boolean {
  return kernel.shader.startsWith('int8')
}

/** What a product takes rows as, and what rounds them gives; null: f32. */
function takenBy({ kernel, variant }: Pipeline): Rounding | null {
  if (variant.conditions?.rounds) return null
  if (kernel.shader.startsWith('int8')) return 'bytes'
  return variant.conditions?.half_rows || kernel.shader === 'half_rows' ? 'f16' : null
}

interface RoundedInput extends Pick<ProductInput, 'width'> {
  readonly pipeline: Pipeline
  readonly words: GPUBuffer
}

/** Rows that are made before they are rounded are for the products of one matrix, which is enough to try them. */
function roundedInputs(
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

function makesRows({ variant: { conditions = {} } }: Pipeline): boolean {
  return conditions.normalizes === true || conditions.combines === true
}

/** The known activations as integers or as f16, which give them without rounding. */
function roundRows(
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

/** The last entry takes the second expert, the others the first; for matmul in tiles. */
function routesOf(tokensPerLane: number | undefined): Uint32Array<ArrayBuffer> {
  const experts = Array.from({ length: tokens }, (_, entry) => (entry === tokens - 1 ? 1 : 0))
  if (tokensPerLane === undefined) return Uint32Array.of(tokens, ...experts)
  const tiles = [0, 1].map((expert) => [
    expert,
    ...Array.from({ length: tokensPerLane }, (_, i) => {
      const entry = expert === 0 ? i : tokens - 1 + i
      return experts[entry] === expert ? entry : noEntry
    }),
  ])
  return Uint32Array.of(tiles.length, ...tiles.flat())
}

/** The first of the known activations, as products take rows. */
function padded(width: number): Float32Array<ArrayBuffer> {
  const stride = paddedColumns(width)
  const all = new Float32Array(paddedTokens * stride)
  for (let token = 0; token < tokens; token++)
    all.set(productActivations().subarray(token * columns, token * columns + width), token * stride)
  return all
}

/** What the last token's results must be. A sum may be off by the rounding of weights to f16. */
function knownValues(
  sums: readonly number[],
  { gated, interleaved, experts, biased, scaled, capped, residual }: Readonly<Record<string, boolean>>,
  activation: number,
  outputs: number,
): Pick<Trial, 'known' | 'tolerance'> {
  const greatest = Math.max(...sums.map(Math.abs))
  // Of the second expert's rows.
  const first = experts ? rows / 2 : 0
  const sumOf = (own: number): number | undefined => {
    const row = first + own
    const sum = sums[knownRows.indexOf(row)]
    return sum === undefined ? undefined : sum + (biased ? biasOf(row) : 0)
  }
  const madeOf = (output: number): number | undefined => {
    if (!gated) {
      const sum = sumOf(output)
      if (sum === undefined) return undefined
      const value = activated(activation, sum) * (scaled && !residual ? scale : 1)
      return capped ? cap * Math.tanh(value / cap) : value
    }
    const gate = sumOf(interleaved ? 2 * output : output)
    const up = sumOf(interleaved ? 2 * output + 1 : output + outputs)
    return gate === undefined || up === undefined
      ? undefined
      : gatedBy(activation, scaled ? scale * gate : gate, up)
  }
  const stored = (value: number) => (residual ? before + (scaled ? scale : 1) * value : value)
  const known = Array.from({ length: outputs }, (_, output) => {
    const value = madeOf(output)
    return value === undefined ? [] : [{ at: (tokens - 1) * outputs + output, value: stored(value) }]
  }).flat()
  // How fast a result grows with its sums: as fast as they are great where two are multiplied.
  const steep = Math.max(1, 2 * greatest)
  const growth = (gated ? steep : 1) * (isQuadratic(activation) ? steep : 1)
  return { known, tolerance: 2e-3 * Math.max(1e-3, greatest) * growth }
}
