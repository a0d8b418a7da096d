import type { Pipeline } from '../../gpu/pipeline'
import { productActivations, productShape } from './product-inputs'
import type { Trials } from './trials'

const { columns, tokens } = productShape

/** What a product binds and is told, and how many of the known activations its rows have: all, where they are not compiled for fewer. */
export interface ProductInput {
  readonly width: number
  readonly buffers: Readonly<Record<'x' | 'constants' | 'routes', GPUBuffer>>
  readonly params: Readonly<Record<string, number>>
}

/** Eight values with a mean of 0 and a mean square of 1. */
const pattern = [1.5, 1.5, -1.5, -0.5, -0.5, -0.5, -0.5, 0.5]

/**
 * What a product that makes its rows itself is given, so that they become the known activations.
 *
 * @param biases of the product's rows; they come first in the constants
 */
export function madeInput(
  trials: Trials,
  { variant: { conditions = {}, moduleConstants = {} } }: Pipeline,
  biases: Float32Array<ArrayBuffer>,
): ProductInput {
  const numbers = moduleConstants as Readonly<Record<MadeNumber, number>>
  if (!conditions.normalizes) {
    const width = Math.min(columns, numbers.heads * numbers.value_dim)
    return { ...merged(trials, conditions, numbers, biases), width }
  }
  const width = Math.min(columns, 4 * numbers.row_quads)
  return { ...normalized(trials, conditions, numbers, biases, width), width }
}

type MadeNumber = 'row_quads' | 'heads' | 'value_dim'

/** A pattern times another number for each token, which norms take out again; the weights make the last token's activations of it. */
function normalized(
  trials: Trials,
  { centered, shifted }: Readonly<Record<string, boolean>>,
  { row_quads }: Readonly<Record<MadeNumber, number>>,
  biases: Float32Array<ArrayBuffer>,
  width: number,
): Omit<ProductInput, 'width'> {
  // What lies behind a row's elements must not be counted.
  const x = new Float32Array(4 * row_quads * tokens).fill(7)
  for (let token = 0; token < tokens; token++) {
    for (let i = 0; i < width; i++)
      x[4 * row_quads * token + i] = 2 ** (tokens - 1 - token) * pattern[i % 8]! + (centered ? token + 1 : 0)
  }
  const activations = productActivations().subarray((tokens - 1) * columns, (tokens - 1) * columns + width)
  const shift = (i: number) => (shifted ? ((i % 5) - 2) / 8 : 0)
  const weights = activations.map((value, i) => (value - shift(i)) / pattern[i % 8]!)
  const shifts = activations.map((_, i) => shift(i))
  return {
    buffers: {
      x: trials.buffer('x', x),
      constants: trials.buffer('constants', Float32Array.from([...biases, ...weights, ...shifts])),
      routes: trials.buffer('routes', 4),
    },
    params: {
      x_stride: row_quads,
      norm_width: width,
      norm_at: biases.length,
      norm_bias_at: biases.length + width,
      norm_eps: 0,
    },
  }
}

/** Two splits of each token: what the splits have, and the sink, adds up to each token's activations. */
export function merged(
  trials: Trials,
  { sinks }: Readonly<Record<string, boolean>>,
  { heads, value_dim }: Readonly<Record<'heads' | 'value_dim', number>>,
  biases: ArrayLike<number> = [],
): Omit<ProductInput, 'width'> {
  const [splits, position] = [2, 64]
  const activations = productActivations()
  const partials = new Float32Array(tokens * heads * splits * (4 + value_dim))
  for (let at = 0; at < partials.length; at += 4 + value_dim) {
    const place = at / (4 + value_dim)
    const split = place % splits
    const head = Math.floor(place / splits) % heads
    const token = Math.floor(place / splits / heads)
    // Of even heads the second split has the greater scores, of odd ones the first; one weighs twice as much as the other.
    const isGreater = split !== head % 2
    partials.set([isGreater ? Math.LN2 : 0, 2 + split], at)
    // The weights of all, the greater split's being 1; a sink weighs 2.
    const sum = (head % 2 === 0 ? 4 : 3.5) + (sinks ? 2 : 0)
    for (let d = 0; d < value_dim; d++) {
      const i = head * value_dim + d
      const value = i < columns ? activations[token * columns + i]! : 0
      // Half of it each.
      partials[at + 4 + d] = (sum * value) / (isGreater ? 2 : 1)
    }
  }
  const tiles = Array.from({ length: tokens }, (_, token) => [token, 1, position, 0, position + 1]).flat()
  const ofSinks = Array<number>(heads).fill(2 * Math.LN2)
  return {
    buffers: {
      x: trials.buffer('partials', partials),
      constants: trials.buffer('constants', Float32Array.from([...Array.from(biases), ...ofSinks])),
      routes: trials.buffer('batch', Uint32Array.from(tiles)),
    },
    params: { tiles_at: 0, splits, sinks_at: biases.length },
  }
}
