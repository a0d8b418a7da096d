import { norm } from './norm'

export interface AltUpRouter {
  /** [width] */
  readonly norm: ArrayLike<number>
  /** [streams, width] */
  readonly router: ArrayLike<number>
  readonly eps: number
}

type Rows = readonly ArrayLike<number>[]

function modalities(
  x: ArrayLike<number>,
  { norm: weight, router, eps }: AltUpRouter,
  streams: number,
): number[] {
  const normed = norm(x, eps, { weight })
  return Array.from({ length: streams }, (_, m) =>
    Math.tanh(normed.reduce((sum, value, i) => sum + (value * router[m * x.length + i]!) / x.length, 0)),
  )
}

/** Row `row` of a matrix times a vector. */
function times(matrix: ArrayLike<number>, row: number, vector: readonly number[]): number {
  return vector.reduce((sum, value, m) => sum + value * matrix[row * vector.length + m]!, 0)
}

/** One token's streams as a layer predicts them, in doubles. `coefs`: [streams², streams] */
export function predicted(
  x: Rows,
  active: number,
  router: AltUpRouter,
  coefs: ArrayLike<number>,
): Float64Array[] {
  const found = modalities(x[active]!, router, x.length)
  return x.map((row, j) =>
    Float64Array.from(row, (value, i) =>
      x.reduce((sum, other, k) => sum + times(coefs, j * x.length + k, found) * other[i]!, value),
    ),
  )
}

/** One token's streams after the layer has made `x` of the active one, in doubles. `coefs`: [streams, streams] */
export function corrected(
  x: ArrayLike<number>,
  predictions: Rows,
  active: number,
  router: AltUpRouter,
  coefs: ArrayLike<number>,
): Float64Array[] {
  const found = modalities(x, router, predictions.length)
  return predictions.map((row, j) =>
    Float64Array.from(
      row,
      (value, i) => value + (1 + times(coefs, j, found)) * (x[i]! - predictions[active]![i]!),
    ),
  )
}

/** x, and each of the rows with the magnitude of x, in doubles. */
export function matched(x: ArrayLike<number>, rows: Rows, floor: number): Float64Array[] {
  const meanSquare = (row: ArrayLike<number>) =>
    Array.from(row).reduce((sum, value) => sum + value * value, 0) / row.length
  const magnitude = Math.sqrt(meanSquare(x))
  const scaled = rows.map((row) =>
    Float64Array.from(row, (value) => (value * magnitude) / Math.sqrt(Math.max(meanSquare(row), floor))),
  )
  return [Float64Array.from(x), ...scaled]
}
