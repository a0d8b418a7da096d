/** The first dimensions of a vector at length 1 (Kusupati et al. 2022, arXiv:2205.13147). */
export function resized(vector: Float32Array, dimensions: number): Float32Array {
  const kept = Float64Array.from(vector.subarray(0, dimensions))
  const length = Math.hypot(...kept)
  return Float32Array.from(kept, (value) => (length === 0 ? 0 : value / length))
}

/** The cosine of two vectors' angle; 0 where one has no length. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let [product, squaresOfA, squaresOfB] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!
    squaresOfA += a[i]! * a[i]!
    squaresOfB += b[i]! * b[i]!
  }
  return product === 0 ? 0 : product / Math.sqrt(squaresOfA * squaresOfB)
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}
