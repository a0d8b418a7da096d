import { describe, expect, it } from 'vitest'
import { cutoff } from '../../../src/kernels/cutoff'
import { cutoff as reference } from '../../reference/cutoff'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'the cutoff by %s lanes',
  (workgroup_size) => {
    it.each([0, 1.6448536, -0.5])('is %s deviations above each row’s mean', async (deviations) => {
      for (const width of [1, 63, 576, 4100]) {
        for (const tokens of [1, 3]) {
          const random = new Random(width + tokens)
          const stride = width + 3
          const before = random.normals(tokens * stride).map((value) => 2 * value + 0.7)
          const outputs = await runKernel(gpu, cutoff, {
            variant: { constants: { workgroup_size } },
            inputs: { y: before },
            params: { width, stride, deviations },
            shape: { tokens, width },
          })
          const expected = Float64Array.from(before)
          for (let at = 0; at < expected.length; at += stride) {
            expected.set(reference(before.subarray(at, at + width), Math.fround(deviations)), at)
          }
          const label = `cutoff ${workgroup_size} lanes, ${tokens} × ${width}`
          // The mean and the deviation are sums in another order; values are of the size of a few deviations.
          const roundings = width / workgroup_size + Math.log2(workgroup_size) + 8
          expectClose(label, outputs.floats('y'), expected, () => gamma(2 * roundings) * 10)
        }
      }
    })

    it('leaves about the share of normal values that is above the quantile', async () => {
      const width = 8192
      const outputs = await runKernel(gpu, cutoff, {
        variant: { constants: { workgroup_size } },
        inputs: { y: new Random(3).normals(width) },
        params: { width, stride: width, deviations: 1.6448536 },
        shape: { tokens: 1, width },
      })
      const left = outputs.floats('y').filter((value) => value > 0).length
      expect(Math.abs(left / width - 0.05)).toBeLessThan(0.01)
    })
  },
)
