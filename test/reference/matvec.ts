/** y = W · x in doubles, and for each row Σ |W·x|, which bounds what rounding may change. W is [rows, columns]. */
export function matvec(
  weights: { readonly values: Float64Array; readonly magnitudes: Float64Array },
  rows: number,
  x: ArrayLike<number>,
): { y: Float64Array; magnitude: Float64Array } {
  const columns = weights.values.length / rows
  const y = new Float64Array(rows)
  const magnitude = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) {
      y[row]! += weights.values[row * columns + i]! * x[i]!
      magnitude[row]! += weights.magnitudes[row * columns + i]! * Math.abs(x[i]!)
    }
  }
  return { y, magnitude }
}
