import type { Part } from './attention_decode'

/** Attention over all keys, from its parts over runs of them. */
export function combineParts(parts: readonly Part[]): Float64Array {
  const greatest = Math.max(...parts.map((part) => part.greatest))
  const weights = parts.map((part) => Math.exp(part.greatest - greatest))
  const sum = parts.reduce((total, part, i) => total + weights[i]! * part.sum, 0)
  return parts[0]!.output.map(
    (_, d) => parts.reduce((total, part, i) => total + weights[i]! * part.output[d]!, 0) / sum,
  )
}
