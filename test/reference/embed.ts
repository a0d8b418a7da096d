/** Rows of a dequantized matrix [rows, columns], one for each id; ids of other rows give null. */
export function embed(
  values: Float64Array,
  columns: number,
  ids: readonly number[],
  firstRow = 0,
): (Float64Array | null)[] {
  const rows = values.length / columns
  return ids.map((id) => {
    const row = id - firstRow
    return row >= 0 && row < rows ? values.slice(row * columns, (row + 1) * columns) : null
  })
}
