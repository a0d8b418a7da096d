import { describe, expect, it } from 'vitest'
import { type Int8RowsShape, int8Rows } from '../../../src/kernels/int8-rows'
import { notMade } from '../../../src/kernels/matmul'
import { int8Row } from '../../reference/int8_rows'
import { openTestGpu, runKernel } from '../../support/gpu'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

/** What the kernel makes of rows, of which it reads a part. */
async function run(
  x: Float32Array<ArrayBuffer>,
  tokens: number,
  columns: number,
  xStride: number,
  xOffset: number,
) {
  const groups = columns / 32
  const outputs = await runKernel<Int8RowsShape>(gpu, int8Rows, {
    variant: { constants: { workgroup_size: 8 } },
    inputs: { x, constants: 4, routes: 4, y: 12 * groups * tokens },
    params: { ...notMade, x_stride: xStride / 4, x_offset: xOffset / 4, groups },
    shape: { tokens, columns },
  })
  const words = outputs.words('y')
  return Array.from({ length: tokens * groups }, (_, i) => {
    const group = words.slice(12 * i, 12 * i + 12)
    return {
      q: new Int8Array(group.buffer).subarray(0, 32),
      extras: new Float32Array(group.buffer).subarray(8),
    }
  })
}

describe('rows in bytes', () => {
  it.each([
    { tokens: 1, columns: 32 },
    { tokens: 3, columns: 96 },
    { tokens: 2, columns: 1536 },
    { tokens: 5, columns: 288, xOffset: 12, pad: 20 },
  ])('are the nearest integers of their scales, %j', async ({ tokens, columns, xOffset = 0, pad = 0 }) => {
    const random = new Random(7)
    const xStride = columns + pad
    const x = random.normals(tokens * xStride)
    // A group of nothing, one of one value, one that is large and one that is small.
    x.fill(0, xOffset, xOffset + 16)
    if (tokens > 1) x.fill(0, xStride + xOffset, xStride + xOffset + 32)
    if (columns > 64) for (let i = 32; i < 64; i++) x[xOffset + i]! *= i % 2 ? 1e6 : 1e-6
    const got = await run(x, tokens, columns, xStride, xOffset)
    for (let t = 0; t < tokens; t++) {
      const row = x.subarray(t * xStride + xOffset, t * xStride + xOffset + columns)
      const { q, d } = int8Row(row)
      d.forEach((scale, g) => {
        const group = got[(t * columns) / 32 + g]!
        const at = `token ${t}, group ${g}`
        expect(Math.abs(group.extras[0]! - scale), at).toBeLessThanOrEqual(2 ** -22 * scale)
        const own = Array.from(group.q)
        own.forEach((value, i) => {
          // At a tie, the device's quotient may fall on either side.
          const exact = scale > 0 ? row[32 * g + i]! / scale : 0
          expect(Math.abs(value - exact), `${at}, value ${i}`).toBeLessThanOrEqual(0.5 + 1e-4)
          // The twin's −0 is 0 here.
          if (Math.abs(Math.abs(exact % 1) - 0.5) > 1e-4)
            expect(value, `${at}, value ${i}`).toBe(q[32 * g + i]! + 0)
        })
        const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
        const sums = [own, own.slice(0, 16), own.slice(16)].map((part) =>
          Math.fround(group.extras[0]! * sum(part)),
        )
        expect(Array.from(group.extras.subarray(1)), at).toEqual(sums)
      })
    }
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'tell of a value that is %s by their scale',
    async (value) => {
      const x = new Random(8).normals(64)
      x[40] = value
      const [first, second] = await run(x, 1, 64, 64, 0)
      expect(Number.isFinite(first!.extras[0])).toBe(true)
      expect(Number.isFinite(second!.extras[0])).toBe(false)
    },
  )
})
