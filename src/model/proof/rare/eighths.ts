/** Whole eighths from −1 to 1 that repeat after 17, in an order of their own for each step. */
export function eighths(length: number, step = 5): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, (_, i) => (((step * i) % 17) - 8) / 8)
}
