import { dot } from './attention_decode'

/**
 * softmax(s(q · Kᵀ)) · V of one query over all the keys that it may see.
 *
 * @param scoreOf s: what a score becomes, told the key's place among those
 * @param sink one more score, which has no value
 */
export function attention(
  query: ArrayLike<number>,
  keys: readonly ArrayLike<number>[],
  values: readonly ArrayLike<number>[],
  scoreOf: (dot: number, key: number) => number = (score) => score,
  sink: number | null = null,
): { output: Float64Array; scores: readonly number[]; weights: readonly number[] } {
  const scores = keys.map((key, k) => scoreOf(dot(query, key), k))
  const greatest = Math.max(...scores, ...(sink === null ? [] : [sink]))
  const shares = scores.map((score) => Math.exp(score - greatest))
  const rest = sink === null ? 0 : Math.exp(sink - greatest)
  const sum = shares.reduce((total, share) => total + share, rest)
  const weights = shares.map((share) => share / sum)
  const output = Float64Array.from({ length: values[0]!.length }, (_, i) =>
    weights.reduce((total, weight, k) => total + weight * values[k]![i]!, 0),
  )
  return { output, scores, weights }
}

/**
 * T5's bucket of a key that lies `distance` tokens behind the query (Raffel et al. 2020, arXiv:1910.10683): 32 buckets, of
 * which the first half is for keys at or before it; the eight nearest distances have one each, the next eight reach to 128 in equal
 * steps of the logarithm.
 */
export function biasBucket(distance: number): number {
  const away = Math.abs(distance)
  const far = 8 + Math.floor((8 * Math.log2(away / 8)) / Math.log2(128 / 8))
  return (distance > 0 ? 16 : 0) + (away < 8 ? away : Math.min(15, far))
}
