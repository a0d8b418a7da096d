import { describe, it } from 'vitest'
import { causalConv, keptInputs } from '../../../src/kernels/causal-conv'
import { causalConv as reference } from '../../reference/causal_conv'
import { silu } from '../../reference/gates'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { chunkWords, raggedSteps, rowsOf, runSteps, wholeStep } from '../../support/gpu-chunks'
import { expectClose, expectSame, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const lengths = [11, 1, 4, 23, 2, 1, 9]
const tokens = lengths.reduce((sum, length) => sum + length, 0)

/** Values of a row that lie before the channels, and between runs of them. */
const lead = 3
const gap = 2

interface Case {
  readonly channels: number
  readonly taps: number
  readonly runs: number
  readonly gated?: boolean
  readonly biased?: boolean
  readonly activated?: boolean
}

const cases: Case[] = [
  { channels: 1, taps: 4, runs: 1, biased: true, activated: true },
  { channels: 70, taps: 4, runs: 1, activated: true },
  { channels: 129, taps: 3, runs: 1, gated: true },
  { channels: 33, taps: 2, runs: 1, gated: true, biased: true },
  { channels: 48, taps: 4, runs: 3, activated: true },
]

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'a causal convolution by workgroups of %s',
  (workgroup_size) => {
    it.each(cases)('of $channels channels, $taps taps: $runs runs', async (given) => {
      const { channels, taps, runs, gated = false, biased = false, activated = false } = given
      const random = new Random(channels)
      const run = channels / runs
      const span = lead + runs * (run + gap)
      const width = span + (gated ? 2 * channels : 0)
      const rows = lengths.map((length) => random.normals(length * width))
      const weight = random.normals(5 + channels * (taps + 1))
      const [weight_offset, bias_offset] = [5, 5 + channels * taps]
      const [yStride, yOffset] = [channels + 4, 1]
      const [state_stride, state_offset] = [keptInputs * channels + 9, 7]
      const slots = lengths.length
      const convolve = (steps: Parameters<typeof runSteps>[0]) =>
        runSteps(
          steps,
          { lengths, width: yStride, state: random.normals(slots * state_stride) },
          async (step, state) => {
            const x = rowsOf(step, rows, width)
            const stepTokens = x.length / width
            const outputs = await runKernel(gpu, causalConv, {
              variant: { constants: { workgroup_size, taps }, conditions: { gated, biased, activated } },
              inputs: { x, constants: weight, batch: chunkWords(step, 6), state, y: stepTokens * yStride },
              params: {
                chunks_at: 6,
                channels,
                x_stride: width,
                x_offset: lead,
                run,
                run_stride: run + gap,
                before_offset: span,
                after_offset: span + channels,
                weight_offset,
                bias_offset,
                state_stride,
                state_offset,
                y_stride: yStride,
                y_offset: yOffset,
              },
              shape: { chunks: step.length, tokens: stepTokens, channels },
            })
            return { state: outputs.floats('state'), y: outputs.floats('y') }
          },
        )
      const whole = await convolve([wholeStep(lengths)])
      const expected = new Float64Array(tokens * yStride)
      let first = 0
      for (const sequence of rows) {
        const count = sequence.length / width
        const at = (token: number, channel: number) =>
          token * width + lead + Math.floor(channel / run) * (run + gap) + (channel % run)
        const inputs = Float64Array.from({ length: count * channels }, (_, i) => {
          const [token, channel] = [Math.floor(i / channels), i % channels]
          return sequence[at(token, channel)]! * (gated ? sequence[token * width + span + channel]! : 1)
        })
        const bias = biased ? weight.subarray(bias_offset) : null
        const sums = reference(inputs, weight.subarray(weight_offset), bias, channels, taps)
        sums.forEach((sum, i) => {
          const [token, channel] = [Math.floor(i / channels), i % channels]
          const after = gated ? sequence[token * width + span + channels + channel]! : 1
          expected[(first + token) * yStride + yOffset + channel] = (activated ? silu(sum) : sum) * after
        })
        first += count
      }
      const label = `causal_conv ${workgroup_size} lanes, ${JSON.stringify(given)}`
      // Five products of normal numbers, of which none is beyond 40.
      expectClose(label, whole, expected, (i) => gamma(40) * (Math.abs(expected[i]!) + 40))
      const pieces = await convolve(raggedSteps(lengths, 3, random))
      expectSame(`${label}, in pieces`, pieces, whole)
    })
  },
)
