import { describe, it } from 'vitest'
import { combineExperts } from '../../../src/kernels/experts'
import { combineExperts as reference } from '../../reference/combine_experts'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const lanes = [...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))]

describe.each(lanes)('what experts gave, by workgroups of %s', (workgroup_size) => {
  it.each([true, false])('is summed by their shares, added to y: %s', async (residual) => {
    for (const [tokens, top, width] of [
      [1, 1, 5],
      [3, 2, 64],
      [5, 8, 100],
    ] as const) {
      const random = new Random(width)
      const [stride, y_stride, scale] = [width + 3, width + 2, 0.3]
      const parts = random.normals(tokens * top * stride)
      const shares = random.normals(tokens * top).map(Math.abs)
      const before = random.normals(tokens * y_stride)
      const outputs = await runKernel(gpu, combineExperts, {
        variant: { constants: { workgroup_size, top }, conditions: { residual } },
        inputs: { parts, shares, y: before },
        params: { width, parts_stride: stride, y_stride, scale },
        shape: { tokens, width },
      })
      const expected = Float64Array.from(before)
      for (let t = 0; t < tokens; t++) {
        const own = Array.from({ length: top }, (_, k) =>
          parts.subarray((t * top + k) * stride, (t * top + k) * stride + width),
        )
        reference(own, Array.from(shares.subarray(t * top, (t + 1) * top))).forEach((value, i) => {
          expected[t * y_stride + i] = scale * value + (residual ? before[t * y_stride + i]! : 0)
        })
      }
      expectClose(`${tokens} × ${top} × ${width}`, outputs.floats('y'), expected, () => 20 * gamma(top + 3))
    }
  })
})
