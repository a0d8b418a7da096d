/** Σ share · part over a token's experts, in doubles; parts are [top, width]. */
export function combineExperts(parts: readonly ArrayLike<number>[], shares: readonly number[]): Float64Array {
  return Float64Array.from({ length: parts[0]!.length }, (_, i) =>
    parts.reduce((sum, part, k) => sum + shares[k]! * part[i]!, 0),
  )
}
