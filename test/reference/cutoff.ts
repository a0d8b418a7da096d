/** max(x − mean − deviations · σ, 0) of a row, in doubles. */
export function cutoff(row: ArrayLike<number>, deviations: number): Float64Array {
  const values = Array.from(row)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  const least = mean + deviations * Math.sqrt(variance)
  return Float64Array.from(values, (value) => Math.max(value - least, 0))
}
