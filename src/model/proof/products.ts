import type { Pipeline } from '../../gpu/pipeline'
import { int8Stride } from '../../kernels/int8-products'
import { int8GroupWords } from '../../kernels/int8-rows'
import { notMade, plainProduct } from '../../kernels/matmul'
import { groupWeights } from '../../kernels/weights/format'
import { switches } from '../variants'
import { activated, gatedBy, isQuadratic, numbers, xielu } from './curves'
import { type KnownMatrix, readsFormat } from './known-matrices'
import { madeInput, type ProductInput } from './made-inputs'
import { knownRows, productActivations, productShape } from './product-inputs'
import type { Trial } from './trial'
import type { Trials } from './trials'

const { rows, columns, tokens } = productShape
const groups = columns / groupWeights
/** Rows of x and y: whole eights, which the kernels touch. */
const paddedTokens = 8
const noEntry = 0xffffffff

/** What a product's sums become as they are stored. */
const scale = 0.5
const cap = 4
const before = 0.5
const biasOf = (row: number) => ((row % 7) - 3) / 8

const productShaders: ReadonlySet<string> = new Set(['matvec', 'matmul', 'int8_matvec', 'int8_matmul'])

/** Lets the pipelines of products multiply a matrix that is known, in each tensor type of the model's. */
export function tryProducts(
  trials: Trials,
  pipelines: readonly Pipeline[],
  matrices: readonly KnownMatrix[],
): readonly Trial[] {
  const products = pipelines.filter(({ kernel }) => productShaders.has(kernel.shader))
  const x = trials.buffer('x', padded(productActivations()))
  const biases = Float32Array.from([...Array.from({ length: rows }, (_, row) => biasOf(row)), ...xielu])
  const constants = trials.buffer('constants', biases)
  const rounded = pipelines
    .filter(({ kernel }) => kernel.shader === 'int8_rows')
    .flatMap((each) => roundRows(trials, each, x, biases) ?? [])
  const found: Trial[] = []
  const inBytes = matrices.find(({ format }) => format.integers)
  for (const { format, buffer, sums } of matrices) {
    for (const pipeline of products.filter((each) => readsFormat(each, format))) {
      const { conditions = {}, constants: compiled } = pipeline.variant
      const outputs = conditions.gated ? rows / 2 : rows
      const takesBytes = pipeline.kernel.shader.startsWith('int8')
      const stored = { x, constants, routes: trials.buffer('routes', routesOf(compiled.tokens_per_lane)) }
      const inputs: readonly Input[] = takesBytes
        ? roundedInputs(rounded, stored, format === inBytes?.format)
        : makesRows(pipeline)
          ? [madeInput(trials, pipeline, biases) ?? []].flat()
          : [{ buffers: stored, params: {} }]
      for (const { buffers, params: own, rounds = null } of inputs) {
        const y = trials.buffer('y', new Float32Array(paddedTokens * outputs).fill(before))
        const params = {
          ...plainProduct,
          rows,
          groups,
          segment_groups: Math.ceil(groups / 8),
          ...format.planes(rows * groups),
          x_stride: columns / 4,
          y_stride: outputs,
          y_offset: 0,
          scale,
          cap,
          activation_at: rows,
          ...numbers,
          shard_experts: 1,
          ...own,
        }
        const bound = { weights: buffer, ...buffers, y }
        const stack = conditions.experts ? { experts: 1, xRepeats: 1 } : undefined
        const shape = { tokens, rows, outputs, columns, weightBytes: 0, residual: false, stack }
        trials.run(pipeline, bound, params, shape)
        const form = Object.entries({ ...rounds?.variant.conditions, ...conditions }).filter(
          ([name, on]) => on && !switches.includes(name),
        )
        found.push({
          pipeline,
          ...(rounds && { filledBy: rounds }),
          reading: trials.read(y, 4 * tokens * outputs),
          from: 0,
          count: tokens * outputs,
          name: `${takesBytes ? 'int8 ' : ''}${format.name} ${form.map(([name]) => name)} ${compiled.activation}`,
          ...knownValues(sums, conditions, compiled.activation!, outputs),
        })
      }
    }
  }
  return found
}

interface Input extends ProductInput {
  /** What has rounded its rows to bytes. */
  readonly rounds?: Pipeline
}

interface RowsInBytes {
  readonly pipeline: Pipeline
  readonly bytes: GPUBuffer
}

/** Rows that are made before they are rounded are for the products of one matrix, which is enough to try them. */
function roundedInputs(
  rounded: readonly RowsInBytes[],
  stored: ProductInput['buffers'],
  withMade: boolean,
): readonly Input[] {
  return rounded
    .filter(({ pipeline }) => withMade || !makesRows(pipeline))
    .map(({ pipeline: rounds, bytes }) => ({
      buffers: { ...stored, x: bytes },
      params: { x_stride: int8Stride(columns) },
      rounds,
    }))
}

function makesRows({ variant: { conditions = {} } }: Pipeline): boolean {
  return conditions.normalizes === true || conditions.combines === true
}

/** The known activations as integers, which give them without rounding; null: see `madeInput`. */
function roundRows(
  trials: Trials,
  pipeline: Pipeline,
  x: GPUBuffer,
  biases: Float32Array<ArrayBuffer>,
): RowsInBytes | null {
  const makes = makesRows(pipeline)
  const made = makes ? madeInput(trials, pipeline, biases) : null
  if (makes && !made) return null
  const bytes = trials.buffer('x in bytes', paddedTokens * groups * int8GroupWords)
  const params = { ...notMade, x_stride: columns / 4, x_offset: 0, groups, ...made?.params }
  const buffers = made?.buffers ?? { x, constants: x, routes: x }
  trials.run(pipeline, { ...buffers, y: bytes }, params, {
    tokens: makes ? tokens : paddedTokens,
    columns,
    makes,
  })
  return { pipeline, bytes }
}

/** Every entry takes the one expert; for matmul in tiles, of which the last one is not full. */
function routesOf(tokensPerLane: number | undefined): Uint32Array<ArrayBuffer> {
  if (tokensPerLane === undefined) return Uint32Array.of(tokens, ...Array<number>(tokens).fill(0))
  const tiles = Math.ceil(tokens / tokensPerLane)
  const words = [tiles]
  for (let tile = 0; tile < tiles; tile++) {
    const entries = Array.from({ length: tokensPerLane }, (_, i) => tile * tokensPerLane + i)
    words.push(0, ...entries.map((entry) => (entry < tokens ? entry : noEntry)))
  }
  return Uint32Array.from(words)
}

function padded(x: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const rowsOfX = new Float32Array(paddedTokens * columns)
  rowsOfX.set(x)
  return rowsOfX
}

/** What the last token's results must be. A sum may be off by the rounding of weights to f16. */
function knownValues(
  sums: readonly number[],
  { gated, interleaved, biased, scaled, capped, residual }: Readonly<Record<string, boolean>>,
  activation: number,
  outputs: number,
): Pick<Trial, 'known' | 'tolerance'> {
  const greatest = Math.max(...sums.map(Math.abs))
  const sumOf = (row: number): number | undefined => {
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
