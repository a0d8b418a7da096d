import { describe, expect, it } from 'vitest'
import { type HalfRowsShape, halfGroupWords, halfRows } from '../../../src/kernels/half-rows'
import { decodeHalf } from '../../reference/half'
import { halfRow } from '../../reference/half_rows'
import { openTestGpu, runKernel } from '../../support/gpu'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

interface Group {
  readonly h: readonly number[]
  /** d, and d times the sums of all, the first and the last 16. */
  readonly extras: readonly number[]
}

/** What the kernel makes of rows, of which it reads a part. */
async function run(
  x: Float32Array<ArrayBuffer>,
  tokens: number,
  columns: number,
  xStride = columns,
  xOffset = 0,
): Promise<readonly Group[]> {
  const groups = columns / 32
  const outputs = await runKernel<HalfRowsShape>(gpu, halfRows, {
    variant: { constants: { workgroup_size: 8 } },
    inputs: { x, y: halfGroupWords * groups * tokens },
    params: { x_stride: xStride / 4, x_offset: xOffset / 4, groups },
    shape: { tokens, columns },
  })
  const words = outputs.words('y')
  return Array.from({ length: tokens * groups }, (_, i) => {
    const group = words.slice(halfGroupWords * i, halfGroupWords * (i + 1))
    return {
      h: Array.from(new Uint16Array(group.buffer, 0, 32), decodeHalf),
      extras: Array.from(new Float32Array(group.buffer, 64)),
    }
  })
}

describe('rows as f16', () => {
  it.each([
    { tokens: 1, columns: 32 },
    { tokens: 3, columns: 96 },
    { tokens: 2, columns: 1536 },
    { tokens: 5, columns: 288, xOffset: 12, pad: 20 },
  ])(
    'are values by a power of two, with their sums, %j',
    async ({ tokens, columns, xOffset = 0, pad = 0 }) => {
      const random = new Random(7)
      const xStride = columns + pad
      const x = random.normals(tokens * xStride)
      // A group of nothing, the greatest and the least numbers, and one of both.
      if (tokens > 1) x.fill(0, xStride + xOffset, xStride + xOffset + 32)
      if (columns > 64) {
        for (let i = 32; i < 64; i++) x[xOffset + i]! *= i % 2 ? 1e6 : 1e-6
        for (let i = 64; i < 96; i++) x[xOffset + i]! *= 1e37
        for (let i = 0; i < 32; i++) x[xOffset + i]! *= 1e-30
      }
      const got = await run(x, tokens, columns, xStride, xOffset)
      for (let t = 0; t < tokens; t++) {
        const row = x.subarray(t * xStride + xOffset, t * xStride + xOffset + columns)
        const { d } = halfRow(row)
        d.forEach((scale, g) => {
          const { h, extras } = got[(t * columns) / 32 + g]!
          const at = `token ${t}, group ${g}`
          expect(extras[0], at).toBe(scale)
          h.forEach((value, i) => {
            // WGSL leaves the direction of rounding open; and a device may flush what f16 has as subnormals.
            const exact = row[32 * g + i]! / scale
            const step = 2 ** (Math.floor(Math.log2(Math.max(2 ** -14, Math.abs(exact)))) - 10)
            const most = Math.abs(exact) < 2 ** -14 ? 2 ** -14 : step
            expect(Math.abs(value - exact), `${at}, value ${i}`).toBeLessThanOrEqual(most)
            expect(Math.abs(value), `${at}, value ${i}`).toBeLessThanOrEqual(2 ** 15)
          })
          const sum = (values: readonly number[]) => values.reduce((a, b) => Math.fround(a + b), 0)
          const sums = [h, h.slice(0, 16), h.slice(16)].map((part) => Math.fround(scale * sum(part)))
          expect(extras.slice(1), at).toEqual(sums)
        })
      }
    },
  )

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'tell of a value that is %s by their scale',
    async (value) => {
      const x = new Random(8).normals(64)
      x[40] = value
      const [first, second] = await run(x, 1, 64)
      expect(Number.isFinite(first!.extras[0])).toBe(true)
      expect(Number.isFinite(second!.extras[0])).toBe(false)
    },
  )
})
