/** RoPE as it was first published: one base, no scaling. */
export function plainRope(headDim: number, dim: number, base = 10000) {
  const frequencies = Array.from({ length: dim / 2 }, (_, pair) => base ** ((-2 * pair) / dim))
  return { headDim, dim, frequencies, long: null, magnitude: 1 }
}
