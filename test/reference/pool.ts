import type { Pooling } from '../../src/kernels/pool'

/** Rows [rows, width] as one vector, as sentence-transformers' Pooling and Normalize define it. */
export function pool(
  x: ArrayLike<number>,
  width: number,
  pooling: Pooling,
  normalized: boolean,
): Float64Array {
  const rows = Array.from({ length: x.length / width }, (_, r) =>
    Float64Array.from({ length: width }, (_, c) => x[r * width + c]!),
  )
  const pooled = Float64Array.from({ length: width }, (_, c) => {
    const column = rows.map((row) => row[c]!)
    const sum = column.reduce((total, value) => total + value, 0)
    switch (pooling) {
      case 'mean':
        return sum / rows.length
      case 'cls':
        return column[0]!
      case 'last':
        return column.at(-1)!
      case 'max':
        return Math.max(...column)
      case 'mean-sqrt':
        return sum / Math.sqrt(rows.length)
      case 'weighted-mean': {
        const weights = column.reduce((total, _, i) => total + i + 1, 0)
        return column.reduce((total, value, i) => total + (i + 1) * value, 0) / weights
      }
    }
  })
  const length = Math.max(Math.hypot(...pooled), 1e-12)
  return normalized ? pooled.map((value) => value / length) : pooled
}
