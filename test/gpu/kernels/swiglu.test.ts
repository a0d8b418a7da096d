import { describe, it } from 'vitest'
import { swiglu } from '../../../src/kernels/swiglu'
import { swiglu as reference } from '../../reference/swiglu'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'SwiGLU by workgroups of %s',
  (workgroup_size) => {
    it.each([1, 100, 1536])('gates rows of %s values and leaves the padding of y', async (width) => {
      const random = new Random(width)
      for (const tokens of [1, 5]) {
        const yStride = width + 2
        const x = random.normals(tokens * 2 * width, 4)
        // Gates where e⁻ˣ overflows, or vanishes beside 1.
        x.set([-2000, 2000, -87, -100].slice(0, width))
        const before = random.normals(tokens * yStride)
        const outputs = await runKernel(gpu, swiglu, {
          variant: { constants: { workgroup_size } },
          inputs: { x, y: before },
          params: { width, y_stride: yStride },
          shape: { tokens, width },
        })
        const expected = Float64Array.from(before)
        const relative = new Float64Array(before.length)
        for (let t = 0; t < tokens; t++) {
          for (let i = 0; i < width; i++) {
            const gate = x[2 * t * width + i]!
            expected[t * yStride + i] = reference(gate, x[2 * t * width + width + i]!)
            // 3 + 2|x| ulp of e⁻ˣ where it counts beside 1, 2.5 ulp of the quotient, a sum and a product.
            relative[t * yStride + i] = gamma(2 * (3 + 2 * Math.min(100, Math.abs(gate)) + 2.5 + 1))
          }
        }
        // Below the least normal f32 a device may give 0.
        const label = `swiglu ${workgroup_size} lanes, ${tokens} × ${width}`
        expectClose(
          label,
          outputs.floats('y'),
          expected,
          (i) => relative[i]! * Math.abs(expected[i]!) + 1e-30,
        )
      }
    })
  },
)
