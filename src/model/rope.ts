import type { ModelConfig } from './config'

/**
 * Cosine and sine of every position and pair, in doubles and rounded once: WGSL promises sine only to 2⁻¹¹.
 * f32 [positions, head dim]: cos, sin of pair 0, of pair 1, …; pairs beyond `ropeDim` do not turn.
 *
 * θᵢ = position / (scale · base^(2i / ropeDim) · factorᵢ)   (Su et al. 2021, arXiv:2104.09864)
 *
 * @param factors one divisor for each pair, or null
 */
export function ropeTable(
  config: Pick<ModelConfig, 'headDim' | 'ropeDim' | 'ropeBase' | 'ropeScale'>,
  positions: number,
  factors: ArrayLike<number> | null,
): Float32Array<ArrayBuffer> {
  const { headDim, ropeDim, ropeBase, ropeScale } = config
  const table = new Float32Array(positions * headDim)
  for (let pair = 0; pair < headDim / 2; pair++) {
    const turning = pair < ropeDim / 2
    const frequency = turning ? ropeBase ** ((-2 * pair) / ropeDim) / (ropeScale * (factors?.[pair] ?? 1)) : 0
    for (let position = 0; position < positions; position++) {
      const at = position * headDim + 2 * pair
      table[at] = Math.cos(position * frequency)
      table[at + 1] = Math.sin(position * frequency)
    }
  }
  return table
}
