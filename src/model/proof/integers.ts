/** Whole numbers of 32 bits, the same on every machine (Marsaglia 2003, xorshift). */
export function integers(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
