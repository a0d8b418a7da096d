import { encodeHalf } from './half'
import { toHalf } from './quantize'

/** A row as f16 numbers h and scales d, one for each 32 of them: x ≈ d · h with d the power of two by which max |h| is from 2¹⁴ to 2¹⁵. */
export interface HalfRow {
  readonly h: readonly number[]
  readonly d: readonly number[]
}

/** The least scale is 2⁻¹²⁶, and what f16 has as subnormals is lost. */
export function halfRow(x: ArrayLike<number>): HalfRow {
  const values = Array.from(x)
  const d: number[] = []
  const h: number[] = []
  for (let at = 0; at < values.length; at += 32) {
    const group = values.slice(at, at + 32)
    const bits = new Uint32Array(new Float32Array(group.map(Math.abs)).buffer)
    const scale = 2 ** (Math.max(15, Math.max(...bits) >>> 23) - 127 - 14)
    d.push(scale)
    for (const value of group) h.push(Math.abs(value / scale) < 2 ** -14 ? 0 : toHalf(value / scale))
  }
  return { h, d }
}

/** The words of a row: for each group its 32 values, d, and d times the sum of all h, of the first and the last 16. */
export function halfRowWords({ h, d }: HalfRow): Uint32Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(80 * d.length))
  d.forEach((scale, group) => {
    const own = h.slice(32 * group, 32 * group + 32)
    for (const [i, value] of own.entries()) view.setUint16(80 * group + 2 * i, encodeHalf(value), true)
    const extras = [1, sumOf(own), sumOf(own.slice(0, 16)), sumOf(own.slice(16))]
    for (const [i, extra] of extras.entries()) view.setFloat32(80 * group + 64 + 4 * i, scale * extra, true)
  })
  return new Uint32Array(view.buffer)
}

/** One after another, in f32. */
function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => Math.fround(sum + value), 0)
}
