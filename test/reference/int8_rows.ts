/** A row as integers q and scales d, one for each 32 of them: x ≈ d · q with d = max |x| / 127, in doubles. */
export interface Int8Row {
  readonly q: readonly number[]
  readonly d: readonly number[]
}

export function int8Row(x: ArrayLike<number>): Int8Row {
  const values = Array.from(x)
  const d: number[] = []
  const q: number[] = []
  for (let at = 0; at < values.length; at += 32) {
    const group = values.slice(at, at + 32)
    const greatest = Math.max(...group.map(Math.abs))
    d.push(greatest / 127)
    for (const value of group) q.push(greatest > 1e-30 ? nearestEven((127 * value) / greatest) : 0)
  }
  return { q, d }
}

function nearestEven(value: number): number {
  const below = Math.floor(value)
  const half = value - below
  if (half !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}

/** The words of a row: for each group its 32 bytes, d, and d times the sum of q over all, the first and the last 16. */
export function int8RowWords({ q, d }: Int8Row): Uint32Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(48 * d.length))
  d.forEach((scale, group) => {
    const own = q.slice(32 * group, 32 * group + 32)
    const sum = (first: number, end: number) => own.slice(first, end).reduce((a, b) => a + b, 0)
    for (const [i, value] of own.entries()) view.setInt8(48 * group + i, value)
    const extras = [1, sum(0, 32), sum(0, 16), sum(16, 32)]
    for (const [i, extra] of extras.entries()) view.setFloat32(48 * group + 32 + 4 * i, scale * extra, true)
  })
  return new Uint32Array(view.buffer)
}
