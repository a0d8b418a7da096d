/** How positions turn the elements of Q and K (Su et al. 2021, arXiv:2104.09864). Layers that turn alike share one. */
export interface RopeDescription {
  readonly headDim: number
  /** Elements of a head that are rotated, from the first on. */
  readonly dim: number
  /** Which elements turn together: neighbours (2i, 2i + 1), as in llama's GGUF files, or (i, i + dim / 2). */
  readonly pairs: 'neighbours' | 'halves'
  /** Radians a position, for each pair. */
  readonly frequencies: readonly number[]
  /** The frequencies of a model whose context is longer than so many tokens (LongRoPE, Ding et al. 2024, arXiv:2402.13753). */
  readonly long: { readonly above: number; readonly frequencies: readonly number[] } | null
  /** What cosines and sines are multiplied by (YaRN's attention factor, Peng et al. 2023, arXiv:2309.00071). */
  readonly magnitude: number
  /** A tensor [dim / 2] that the file may have: what the frequencies are divided by. */
  readonly divisors: string | null
}

/**
 * Cosine and sine of every position and pair, in doubles and rounded once: WGSL promises sine only to 2⁻¹¹.
 * f32 [positions, head dim]: cos, sin of pair 0, of pair 1, …; pairs beyond `dim` do not turn.
 *
 * @param positions also the longest context, by which LongRoPE chooses
 * @param divisors of the frequencies, one for each pair, or null
 */
export function ropeTable(
  rope: Pick<RopeDescription, 'headDim' | 'dim' | 'frequencies' | 'long' | 'magnitude'>,
  positions: number,
  divisors: ArrayLike<number> | null,
): Float32Array<ArrayBuffer> {
  const { headDim, dim, long, magnitude } = rope
  const frequencies = long && positions > long.above ? long.frequencies : rope.frequencies
  const table = new Float32Array(positions * headDim)
  for (let pair = 0; pair < headDim / 2; pair++) {
    const turning = pair < dim / 2
    const frequency = turning ? frequencies[pair]! / (divisors?.[pair] ?? 1) : 0
    const length = turning ? magnitude : 1
    for (let position = 0; position < positions; position++) {
      const at = position * headDim + 2 * pair
      table[at] = length * Math.cos(position * frequency)
      table[at + 1] = length * Math.sin(position * frequency)
    }
  }
  return table
}
