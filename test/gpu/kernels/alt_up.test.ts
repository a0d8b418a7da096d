import { describe, it } from 'vitest'
import { altUpCorrect, altUpPredict, matchMagnitude } from '../../../src/kernels/alt-up'
import { corrected, matched, predicted } from '../../reference/alt_up'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const shapes = [
  { tokens: 1, streams: 2, width: 1, active: 0 },
  { tokens: 3, streams: 2, width: 64, active: 1 },
  { tokens: 2, streams: 4, width: 333, active: 0 },
  { tokens: 2, streams: 3, width: 2048, active: 2 },
]

/** Rows of the streams of a token, of which the last values are padding. */
function split(values: Float32Array, token: number, streams: number, stride: number, width: number) {
  return Array.from({ length: streams }, (_, j) => {
    const at = (token * streams + j) * stride
    return values.subarray(at, at + width)
  })
}

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'alternating updates by %s lanes',
  (workgroup_size) => {
    it.each(shapes)('predicts the streams: %j', async ({ tokens, streams, width, active }) => {
      const random = new Random(width)
      const stride = width + 3
      const x = random.normals(tokens * streams * stride)
      const [norm, router] = [random.normals(width), random.normals(streams * width, 4)]
      const coefs = random.normals(streams ** 3)
      const outputs = await runKernel(gpu, altUpPredict, {
        variant: { constants: { workgroup_size, streams } },
        inputs: {
          x,
          constants: Float32Array.from([9, ...norm, ...router, 9, ...coefs]),
          predicted: new Float32Array(x.length).fill(7),
          y: new Float32Array(tokens * stride).fill(7),
        },
        params: {
          width,
          stride,
          main_stream: active,
          norm_at: 1,
          router_at: 1 + width,
          coefs_at: 2 + width + streams * width,
          eps: 1e-6,
        },
        shape: { tokens, streams, width },
      })
      const expected = new Float64Array(x.length).fill(7)
      const active_rows = new Float64Array(tokens * stride).fill(7)
      for (let t = 0; t < tokens; t++) {
        const rows = split(x, t, streams, stride, width)
        predicted(rows, active, { norm, router, eps: 1e-6 }, coefs).forEach((row, j) => {
          expected.set(row, (t * streams + j) * stride)
          if (j === active) active_rows.set(row, t * stride)
        })
      }
      const label = `predict ${workgroup_size} lanes, ${tokens} × ${streams} × ${width}`
      const tolerance = bound(streams, width, workgroup_size)
      expectClose(label, outputs.floats('predicted'), expected, () => tolerance)
      expectClose(`${label}, the active one`, outputs.floats('y'), active_rows, () => tolerance)
    })

    it.each(shapes.flatMap((shape) => [true, false].map((output_scaled) => ({ ...shape, output_scaled }))))(
      'corrects the streams: %j',
      async ({ tokens, streams, width, active, output_scaled }) => {
        const random = new Random(width)
        const stride = width + 3
        const [x, before] = [random.normals(tokens * stride), random.normals(tokens * streams * stride)]
        const [norm, router] = [random.normals(width), random.normals(streams * width, 4)]
        const [coefs, scales] = [random.normals(streams ** 2), random.normals(width)]
        const outputs = await runKernel(gpu, altUpCorrect, {
          variant: { constants: { workgroup_size, streams }, conditions: { output_scaled } },
          inputs: {
            x,
            predicted: before,
            constants: Float32Array.from([...norm, 9, ...router, ...coefs, ...scales]),
            corrected: new Float32Array(before.length).fill(7),
            y: new Float32Array(tokens * stride).fill(7),
          },
          params: {
            width,
            stride,
            main_stream: active,
            norm_at: 0,
            router_at: 1 + width,
            coefs_at: 1 + width + streams * width,
            scale_at: 1 + width + streams * width + streams ** 2,
            eps: 1e-6,
          },
          shape: { tokens, streams, width },
        })
        const expected = new Float64Array(before.length).fill(7)
        const first = new Float64Array(tokens * stride).fill(7)
        for (let t = 0; t < tokens; t++) {
          const rows = split(before, t, streams, stride, width)
          const own = x.subarray(t * stride, t * stride + width)
          corrected(own, rows, active, { norm, router, eps: 1e-6 }, coefs).forEach((row, j) => {
            expected.set(row, (t * streams + j) * stride)
            if (j !== active) return
            first.set(
              row.map((value, i) => value * (output_scaled ? scales[i]! : 1)),
              t * stride,
            )
          })
        }
        const label = `correct ${workgroup_size} lanes, ${tokens} × ${streams} × ${width}`
        const tolerance = bound(streams, width, workgroup_size)
        expectClose(label, outputs.floats('corrected'), expected, () => tolerance)
        expectClose(`${label}, the active one`, outputs.floats('y'), first, () => 4 * tolerance)
      },
    )

    it.each([false, true])('gives rows the magnitude of another, averaged: %s', async (averaged) => {
      for (const { tokens, streams, width } of shapes) {
        const random = new Random(width)
        const [stride, x_stride] = [width + 3, 2 * width + 5]
        const x = random.normals(tokens * x_stride)
        // One row is so small that the floor counts.
        const projected = random
          .normals(tokens * streams * stride)
          .map((value, i) => (Math.floor(i / stride) === 1 ? 1e-4 * value : value))
        const count = averaged ? tokens * stride : projected.length
        const outputs = await runKernel(gpu, matchMagnitude, {
          variant: { constants: { workgroup_size, streams }, conditions: { averaged } },
          inputs: { x, projected, y: new Float32Array(count).fill(7) },
          params: { width, stride, x_stride, floor: 1e-5 },
          shape: { tokens, streams, width },
        })
        const expected = new Float64Array(count).fill(7)
        for (let t = 0; t < tokens; t++) {
          const own = x.subarray(t * x_stride, t * x_stride + width)
          const rows = matched(own, split(projected, t, streams, stride, width).slice(1), 1e-5)
          const mean = Float64Array.from(
            { length: width },
            (_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / streams,
          )
          if (averaged) expected.set(mean, t * stride)
          else for (const [j, row] of rows.entries()) expected.set(row, (t * streams + j) * stride)
        }
        const label = `match ${workgroup_size} lanes, ${tokens} × ${streams} × ${width}`
        expectClose(label, outputs.floats('y'), expected, () => bound(streams, width, workgroup_size))
      }
    })
  },
)

/** Roundings of the router's sums, which tanh keeps small, then of as many products as there are streams; values of up to ten. */
function bound(streams: number, width: number, lanes: number): number {
  return 10 * streams ** 2 * (gamma(2 * (width / lanes + Math.log2(lanes) + 20)) + 4e-7)
}
