import { describe, it } from 'vitest'
import { rescale } from '../../../src/kernels/rescale'
import { rescale as reference } from '../../reference/rescale'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

const forms = [
  ['by a number', { added: false, learned: false }],
  ['by a learned scale', { added: false, learned: true }],
  ['with other rows added, by a number', { added: true, learned: false }],
  ['with other rows added, by a learned scale', { added: true, learned: true }],
] as const

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'rows rescaled by %s lanes',
  (workgroup_size) => {
    it.each(forms)('multiplies rows %s and leaves what lies between', async (name, conditions) => {
      for (const width of [1, 63, 576, 1025]) {
        for (const tokens of [1, 5]) {
          const random = new Random(width + tokens)
          const stride = width + 3
          const [x, y] = [random.normals(tokens * stride), random.normals(tokens * stride)]
          const constants = random.normals(7)
          const outputs = await runKernel(gpu, rescale, {
            variant: { constants: { workgroup_size }, conditions },
            inputs: { x, constants, y },
            params: { width, stride, scale: 0.7, scale_at: 5 },
            shape: { tokens, width },
          })
          const expected = Float64Array.from(y)
          for (let at = 0; at < expected.length; at += stride) {
            const row = (values: Float32Array) => values.subarray(at, at + width)
            const scale = conditions.learned ? constants[5]! : Math.fround(0.7)
            expected.set(reference(row(y), scale, conditions.added ? row(x) : undefined), at)
          }
          const label = `rescale ${name}, ${workgroup_size} lanes, ${tokens} × ${width}`
          expectClose(label, outputs.floats('y'), expected, (i) => gamma(4) * Math.abs(expected[i]!))
        }
      }
    })
  },
)
