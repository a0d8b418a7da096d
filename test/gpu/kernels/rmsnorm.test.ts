import { describe, it } from 'vitest'
import { rmsnorm } from '../../../src/kernels/rmsnorm'
import { rmsnorm as reference } from '../../reference/rmsnorm'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const eps = 1e-5

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'RMSNorm by %s lanes',
  (workgroup_size) => {
    it.each([1, 31, 576, 4100])(
      'normalizes rows of %s values and leaves what lies between',
      async (hidden) => {
        const random = new Random(hidden)
        const [stride, offset] = [hidden + 3, 5]
        for (const tokens of [1, 3, 17]) {
          // The second row is tiny, so that eps counts.
          const x = random
            .normals(tokens * stride)
            .map((v, i) => (Math.floor(i / stride) === 1 ? v * 1e-4 : v))
          const weight = random.normals(offset + hidden)
          const before = random.normals(tokens * stride)
          const outputs = await runKernel(gpu, rmsnorm, {
            variant: { constants: { workgroup_size } },
            inputs: { x, weight, y: before },
            params: { hidden, stride, weight_offset: offset, eps },
            shape: { tokens, hidden },
          })
          const expected = Float64Array.from(before)
          for (let t = 0; t < tokens; t++) {
            const row = x.subarray(t * stride, t * stride + hidden)
            expected.set(reference(row, weight.subarray(offset), eps), t * stride)
          }
          // Half the relative error of the sum, the mean and eps; 2 ulp of the root; two products.
          const roundings = (hidden / workgroup_size + Math.log2(workgroup_size) + 6) / 2 + 4 + 2
          const label = `rmsnorm ${workgroup_size} lanes, ${tokens} × ${hidden}`
          expectClose(label, outputs.floats('y'), expected, (i) => gamma(roundings) * Math.abs(expected[i]!))
        }
      },
    )
  },
)
