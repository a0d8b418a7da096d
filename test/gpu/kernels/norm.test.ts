import { describe, it } from 'vitest'
import { norm } from '../../../src/kernels/norm'
import { norm as reference } from '../../reference/norm'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const eps = 1e-5

interface Form {
  readonly centered?: boolean
  readonly weighted?: boolean
  readonly biased?: boolean
  readonly residual?: boolean
  readonly parts?: number
  readonly shared?: boolean
}

const forms: readonly (readonly [string, Form])[] = [
  ['by the root of the mean square', { weighted: true }],
  ['without weights', {}],
  ['less the mean', { centered: true, weighted: true }],
  ['less the mean, with biases', { centered: true, weighted: true, biased: true }],
  ['and adds them to y', { weighted: true, residual: true }],
  ['in three parts', { weighted: true, parts: 3 }],
  ['in three parts that share weights', { weighted: true, biased: true, parts: 3, shared: true }],
]

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'the norm by %s lanes',
  (workgroup_size) => {
    it.each(forms)('normalizes rows %s and leaves what lies between', async (name, form) => {
      const { centered = false, weighted = false, biased = false, residual = false, parts = 1 } = form
      for (const width of [1, 31, 576, 4100]) {
        const random = new Random(width)
        const [x_offset, x_stride, y_offset, y_stride] = [2, parts * width + 3, 1, parts * width + 4]
        const [weight_offset, bias_offset] = [5, 7 + parts * width]
        const weight_stride = form.shared ? 0 : width
        const scale = residual ? 0.3 : 1
        for (const tokens of [1, 3, 17]) {
          // The second row is tiny, so that eps counts.
          const x = random
            .normals(tokens * x_stride)
            .map((v, i) => (Math.floor(i / x_stride) === 1 ? v * 1e-4 : v))
          const constants = random.normals(bias_offset + parts * width)
          const before = random.normals(tokens * y_stride)
          const outputs = await runKernel(gpu, norm, {
            variant: { constants: { workgroup_size }, conditions: { centered, weighted, biased, residual } },
            inputs: { x, constants, y: before },
            params: {
              width,
              x_stride,
              x_offset,
              y_stride,
              y_offset,
              weight_offset,
              weight_stride,
              bias_offset,
              eps,
              scale,
            },
            shape: { tokens, parts, width },
          })
          const expected = Float64Array.from(before)
          const tolerance = new Float64Array(before.length)
          // Half the relative error of the sum, the mean and eps; 2 ulp of the root; two products.
          const roundings = (width / workgroup_size + Math.log2(workgroup_size) + 6) / 2 + 4 + 2
          for (let t = 0; t < tokens; t++) {
            for (let part = 0; part < parts; part++) {
              const from = t * x_stride + x_offset + part * width
              const to = t * y_stride + y_offset + part * width
              const row = x.subarray(from, from + width)
              const values = (offset: number) => constants.subarray(offset + part * weight_stride)
              const weight = weighted ? values(weight_offset) : undefined
              const bias = biased ? values(bias_offset) : undefined
              const y = reference(row, eps, { centered, weight, bias })
              // What is left of a row less its mean may be less than the mean's rounding, which eps then bounds.
              const size = centered ? shift(row, eps, roundings) : 0
              for (let i = 0; i < width; i++) {
                const old = residual ? before[to + i]! : 0
                expected[to + i] = old + scale * y[i]!
                const own = Math.abs(y[i]! - (bias?.[i] ?? 0)) + Math.abs(bias?.[i] ?? 0) + Math.abs(old)
                tolerance[to + i] = gamma(2 * roundings) * own + size * Math.abs(weight?.[i] ?? 1)
              }
            }
          }
          const label = `norm ${name}, ${workgroup_size} lanes, ${tokens} × ${width}`
          expectClose(label, outputs.floats('y'), expected, (i) => tolerance[i]!)
        }
      }
    })
  },
)

/** By how much a mean's rounding moves what is left of a row, in units of its deviation. */
function shift(row: Float32Array, eps: number, roundings: number): number {
  const mean = row.reduce((sum, each) => sum + each, 0) / row.length
  const deviation = Math.sqrt(row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length + eps)
  const magnitude = row.reduce((sum, v) => sum + Math.abs(v), 0) / row.length
  return (2 * gamma(2 * roundings) * magnitude) / deviation
}
