import { describe, it } from 'vitest'
import { scanLanes, ssmScan } from '../../../src/kernels/scan'
import { ssmScan as reference } from '../../reference/ssm_scan'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { chunkWords, raggedSteps, rowsOf, runSteps, wholeStep } from '../../support/gpu-chunks'
import { expectClose, expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const lengths = [9, 1, 21, 2, 1, 5]

const cases = [
  { heads: 1, headDim: 4, stateDim: 4, groups: 1, dtLimit: [0, 3.4e38] },
  { heads: 6, headDim: 36, stateDim: 16, groups: 2, dtLimit: [0, 3.4e38] },
  { heads: 2, headDim: 64, stateDim: 128, groups: 1, dtLimit: [0.01, 0.5] },
  { heads: 1, headDim: 24, stateDim: 256, groups: 1, dtLimit: [0, 3.4e38] },
] as const

describe.each([...new Set(testVariants(gpu).map(({ headLanes }) => headLanes))])(
  'the scan of Mamba 2 by workgroups of %s',
  (lanes) => {
    it.each(cases)('$heads heads [$headDim, $stateDim] in $groups groups', async (given) => {
      const { heads, headDim, stateDim, groups, dtLimit } = given
      const workgroup_size = scanLanes(stateDim, lanes)
      const random = new Random(headDim)
      const inner = heads * headDim
      const width = 4 + inner + 2 * groups * stateDim
      const rows = lengths.map((length) => random.normals(length * width))
      const dtStride = 3 + heads
      const dtScale = 0.75
      // Steps that softplus leaves as they are, and steps of next to nothing.
      const dts = lengths.map((length) =>
        random.normals(length * dtStride, 3).map((dt) => [dt, dt, dt, 60, -60, -9][random.integer(6)]!),
      )
      // Heads that forget at once, heads that keep all.
      const aLog = Float32Array.from({ length: heads }, (_, h) => [0.3, 4, -9][h % 3]!)
      const biases = random.normals(heads)
      const through = random.normals(heads)
      const rates = aLog.map((log) => -Math.exp(log))
      const weight = Float32Array.from([1, 2, ...rates, ...biases, ...through])
      const yStride = inner + 3
      const stateQuads = (inner * stateDim) / 4
      const [state_stride, state_offset] = [stateQuads + 2, 1]
      const scan = (steps: Parameters<typeof runSteps>[0]) =>
        runSteps(
          steps,
          { lengths, width: yStride, state: random.normals(4 * lengths.length * state_stride) },
          async (step, state) => {
            const x = rowsOf(step, rows, width)
            const tokens = x.length / width
            const outputs = await runKernel(gpu, ssmScan, {
              variant: { constants: { workgroup_size, heads, head_dim: headDim, state_dim: stateDim } },
              inputs: {
                x,
                dt: rowsOf(step, dts, dtStride),
                constants: weight,
                batch: chunkWords(step, 2),
                state,
                y: tokens * yStride,
              },
              params: {
                chunks_at: 2,
                state_stride,
                state_offset,
                x_stride: width / 4,
                x_offset: 4,
                b_offset: (4 + inner) / 4,
                c_offset: (4 + inner + groups * stateDim) / 4,
                group_heads: heads / groups,
                dt_stride: dtStride,
                dt_offset: 3,
                dt_scale: dtScale,
                least_dt: dtLimit[0],
                most_dt: dtLimit[1],
                rate_offset: 2,
                dt_bias_offset: 2 + heads,
                d_offset: 2 + 2 * heads,
                y_stride: yStride,
              },
              shape: { chunks: step.length, tokens },
            })
            return { state: outputs.floats('state'), y: outputs.floats('y') }
          },
        )
      const whole = await scan([wholeStep(lengths)])
      const expected = new Float64Array(whole.length)
      let first = 0
      rows.forEach((sequence, s) => {
        const length = lengths[s]!
        const part = (t: number, at: number, count: number) =>
          sequence.subarray(t * width + at, t * width + at + count)
        const each = Array.from({ length }, (_, t) => t)
        for (let h = 0; h < heads; h++) {
          const group = Math.floor(h / (heads / groups))
          const y = reference({
            x: each.map((t) => part(t, 4 + h * headDim, headDim)),
            b: each.map((t) => part(t, 4 + inner + group * stateDim, stateDim)),
            c: each.map((t) => part(t, 4 + inner + (groups + group) * stateDim, stateDim)),
            dt: each.map((t) => dtScale * dts[s]![t * dtStride + 3 + h]!),
            dtBias: biases[h]!,
            dtLimit,
            aLog: aLog[h]!,
            d: through[h]!,
          })
          for (const [t, values] of y.entries()) expected.set(values, (first + t) * yStride + h * headDim)
        }
        first += length
      })
      const label = `ssm_scan ${workgroup_size} lanes, ${JSON.stringify(given)}`
      // Each state is a sum of few hundred products, of which none is much greater than the greatest result.
      const greatest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expectClose(label, whole, expected, () => 3e-6 * greatest)
      const pieces = await scan(raggedSteps(lengths, 2, random))
      expectSame(`${label}, in pieces`, pieces, whole)
    })
  },
)
