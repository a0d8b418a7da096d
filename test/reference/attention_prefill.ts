import { dot } from './attention_decode'

/** softmax(q · Kᵀ) · V of one query over all the keys that it may see. */
export function attention(
  query: ArrayLike<number>,
  keys: readonly ArrayLike<number>[],
  values: readonly ArrayLike<number>[],
): { output: Float64Array; scores: readonly number[]; weights: readonly number[] } {
  const scores = keys.map((key) => dot(query, key))
  const greatest = Math.max(...scores)
  const shares = scores.map((score) => Math.exp(score - greatest))
  const sum = shares.reduce((total, share) => total + share, 0)
  const weights = shares.map((share) => share / sum)
  const output = Float64Array.from({ length: query.length }, (_, i) =>
    weights.reduce((total, weight, k) => total + weight * values[k]![i]!, 0),
  )
  return { output, scores, weights }
}
