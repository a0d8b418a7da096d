import { matvec } from './matvec'

/** Y = X · Wᵀ in doubles, token by token: [tokens, rows]. X is [tokens, columns]. */
export function matmul(
  weights: { readonly values: Float64Array; readonly magnitudes: Float64Array },
  rows: number,
  x: ArrayLike<number>,
): { y: Float64Array; magnitude: Float64Array } {
  const columns = weights.values.length / rows
  const tokens = x.length / columns
  const y = new Float64Array(tokens * rows)
  const magnitude = new Float64Array(tokens * rows)
  for (let t = 0; t < tokens; t++) {
    const one = matvec(weights, rows, Array.prototype.slice.call(x, t * columns, (t + 1) * columns))
    y.set(one.y, t * rows)
    magnitude.set(one.magnitude, t * rows)
  }
  return { y, magnitude }
}
