import { silu } from './gates'

export interface GatedNormSettings {
  readonly scale: number
  readonly gateScale: number
  readonly eps: number
  /** null: no norm. */
  readonly weight: ArrayLike<number> | null
  readonly gateFirst: boolean
}

/** One group, in doubles. */
export function gatedNorm(
  x: ArrayLike<number>,
  gate: ArrayLike<number>,
  { scale, gateScale, eps, weight, gateFirst }: GatedNormSettings,
): Float64Array {
  const gates = Float64Array.from(gate, (value) => silu(gateScale * value))
  const from = Float64Array.from(x, (value, i) => (gateFirst ? value * gates[i]! : value))
  const squares = from.reduce((sum, value) => sum + value * value, 0)
  const norm = weight === null ? 1 : 1 / Math.sqrt(squares / x.length + eps)
  return from.map((value, i) => scale * value * norm * (weight?.[i] ?? 1) * (gateFirst ? 1 : gates[i]!))
}
