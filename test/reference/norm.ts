export interface NormForm {
  readonly centered?: boolean
  readonly weight?: ArrayLike<number>
  readonly bias?: ArrayLike<number>
}

/** One row (x − mean, where centered) / √(mean square + eps) · weight + bias, in doubles. */
export function norm(
  x: ArrayLike<number>,
  eps: number,
  { centered = false, weight, bias }: NormForm,
): Float64Array {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i]!
  const mean = centered ? sum / x.length : 0
  let squares = 0
  for (let i = 0; i < x.length; i++) squares += (x[i]! - mean) ** 2
  const scale = 1 / Math.sqrt(squares / x.length + eps)
  return Float64Array.from(
    { length: x.length },
    (_, i) => (x[i]! - mean) * scale * (weight?.[i] ?? 1) + (bias?.[i] ?? 0),
  )
}
