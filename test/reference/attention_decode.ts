/** Attention over some keys, not yet divided by the sum of its weights. */
export interface Part {
  /** The greatest score. */
  readonly greatest: number
  /** Σ exp(score − greatest) */
  readonly sum: number
  /** Σ exp(score − greatest) · value */
  readonly output: Float64Array
}

/**
 * softmax(s(q · Kᵀ)) · V over one run of keys, as its parts. Keys are [keys, head dim], values [keys, value dim].
 *
 * @param scoreOf s: what a score becomes, told the key's place in the run
 */
export function attentionPart(
  query: ArrayLike<number>,
  keys: readonly ArrayLike<number>[],
  values: readonly ArrayLike<number>[],
  scoreOf: (dot: number, key: number) => number = (score) => score,
): Part {
  const scores = keys.map((key, k) => scoreOf(dot(query, key), k))
  const greatest = Math.max(...scores)
  const weights = scores.map((score) => Math.exp(score - greatest))
  const output = Float64Array.from({ length: values[0]!.length }, (_, i) =>
    weights.reduce((sum, weight, k) => sum + weight * values[k]![i]!, 0),
  )
  return { greatest, sum: weights.reduce((sum, weight) => sum + weight, 0), output }
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
