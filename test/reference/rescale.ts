/** scale · (y + x) in doubles; without x: scale · y. */
export function rescale(y: ArrayLike<number>, scale: number, x?: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: y.length }, (_, i) => scale * (y[i]! + (x?.[i] ?? 0)))
}
