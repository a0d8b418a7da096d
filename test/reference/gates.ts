export function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value))
}

export function silu(value: number): number {
  return value * sigmoid(value)
}

/** ln(1 + e^value) */
export function softplus(value: number): number {
  return Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)))
}
