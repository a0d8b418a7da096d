import { describe, it } from 'vitest'
import { gatedNorm } from '../../../src/kernels/gated-norm'
import { gatedNorm as reference } from '../../reference/gated_norm'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const eps = 1e-5

const cases = [
  { width: 32, groups: 6, runs: 3, normed: true, gateFirst: false, ownWeights: false },
  { width: 100, groups: 2, runs: 1, normed: true, gateFirst: true, ownWeights: true },
  { width: 1536, groups: 1, runs: 1, normed: true, gateFirst: true, ownWeights: true },
  { width: 65, groups: 2, runs: 1, normed: false, gateFirst: false, ownWeights: false },
]

describe.each([...new Set(testVariants(gpu).flatMap(({ headLanes, rowLanes }) => [headLanes, rowLanes]))])(
  'the norm and gate after a scan by %s lanes',
  (workgroup_size) => {
    it.each(cases)('$groups groups of $width', async (given) => {
      const { width, groups, runs, normed, gateFirst, ownWeights } = given
      const random = new Random(width)
      const [gateScale, scale] = [1.25, 0.7]
      const run = groups / runs
      const runStride = run * width + 5
      const [xStride, yStride] = [groups * width + 1, groups * width + 2]
      const gateStride = 3 + runs * runStride
      for (const tokens of [1, 5]) {
        const x = random.normals(tokens * xStride)
        const gate = random.normals(tokens * gateStride, 4)
        const weight = random.normals(7 + groups * width)
        const before = random.normals(tokens * yStride)
        const outputs = await runKernel(gpu, gatedNorm, {
          variant: { constants: { workgroup_size }, conditions: { normed, gate_first: gateFirst } },
          inputs: { x, gate, constants: weight, y: before },
          params: {
            width,
            x_stride: xStride,
            gate_stride: gateStride,
            gate_offset: 3,
            gate_run: run,
            gate_run_stride: runStride,
            gate_scale: gateScale,
            weight_offset: 7,
            weight_stride: ownWeights ? width : 0,
            y_stride: yStride,
            scale,
            eps,
          },
          shape: { tokens, groups, width },
        })
        const expected = Float64Array.from(before)
        for (let t = 0; t < tokens; t++) {
          for (let g = 0; g < groups; g++) {
            const values = x.subarray(t * xStride + g * width, t * xStride + (g + 1) * width)
            const gates = t * gateStride + 3 + Math.floor(g / run) * runStride + (g % run) * width
            const weights = weight.subarray(7 + (ownWeights ? g * width : 0))
            const settings = { scale, gateScale, eps, gateFirst, weight: normed ? weights : null }
            const y = reference(values, gate.subarray(gates, gates + width), settings)
            expected.set(y, t * yStride + g * width)
          }
        }
        const label = `gated_norm ${workgroup_size} lanes, ${JSON.stringify(given)} × ${tokens}`
        // e^−x of a gate of 20, and the sum of squares.
        expectClose(label, outputs.floats('y'), expected, (i) => 1e-5 * Math.abs(expected[i]!) + 1e-12)
      }
    })
  },
)
