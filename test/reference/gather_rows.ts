/** Rows `rows` of x [tokens, width], one after another. */
export function gatherRows(x: ArrayLike<number>, width: number, rows: readonly number[]): number[] {
  return rows.flatMap((row) => Array.from({ length: width }, (_, i) => x[row * width + i]!))
}
