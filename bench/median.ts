export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value that a share of the others does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(share * sorted.length)] ?? sorted.at(-1) ?? Number.NaN
}
