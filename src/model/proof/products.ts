import type { Pipeline } from '../../gpu/pipeline'
import { plainProduct } from '../../kernels/matmul'
import { groupWeights } from '../../kernels/weights/format'
import { paddedColumns } from '../matrix'
import { switches } from '../variants'
import { activated, gatedBy, isQuadratic, numbers, xielu } from './curves'
import { type KnownMatrix, readsFormat } from './known-matrices'
import { madeInput } from './made-inputs'
import { knownRows, productShape } from './product-inputs'
import {
  type Input,
  inIntegers,
  makesRows,
  padded,
  paddedTokens,
  readBy,
  roundedInputs,
  roundRows,
  storedRows,
  takenBy,
  widthOf,
} from './product-rows'
import type { Trial } from './trial'
import type { Trials } from './trials'

const { rows, columns, tokens } = productShape
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
