import { describe, it } from 'vitest'
import { deltaScan, scanLanes } from '../../../src/kernels/scan'
import { deltaScan as reference } from '../../reference/delta_scan'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { chunkWords, raggedSteps, rowsOf, runSteps, wholeStep } from '../../support/gpu-chunks'
import { expectClose, expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const lengths = [9, 1, 21, 2, 1, 5]

const cases = [
  { heads: 1, keyHeads: 1, keyDim: 4, valueDim: 4, gates: 'together' },
  { heads: 6, keyHeads: 3, keyDim: 16, valueDim: 36, gates: 'by key head' },
  { heads: 6, keyHeads: 3, keyDim: 32, valueDim: 12, gates: 'together', keysInTurn: true },
  { heads: 2, keyHeads: 2, keyDim: 128, valueDim: 64, gates: 'together' },
] as const

describe.each([...new Set(testVariants(gpu).map(({ headLanes }) => headLanes))])(
  'the gated delta rule by workgroups of %s',
  (lanes) => {
    it.each(cases)('$heads heads [$keyDim, $valueDim] of $keyHeads keys, gates $gates', async (given) => {
      const { heads, keyHeads, keyDim, valueDim } = given
      const keysInTurn = 'keysInTurn' in given
      const workgroup_size = scanLanes(keyDim, lanes)
      const random = new Random(valueDim)
      const keys = keyHeads * keyDim
      const width = 4 + 2 * keys + heads * valueDim
      const rows = lengths.map((length) => random.normals(length * width))
      // A key and a query of nothing.
      rows[2]!.fill(0, width, width + 4 + 2 * keys)
      const ratio = heads / keyHeads
      // As in Qwen3-Next, b and a of a key head's value heads in turn, or all b and then all a.
      const [run, runStride, aOffset] =
        given.gates === 'together' ? [heads, 0, 3 + heads] : [ratio, 2 * ratio, 3 + ratio]
      const gatesStride = 3 + 2 * heads
      const gates = lengths.map((length) =>
        random.normals(length * gatesStride, 3).map((gate) => [gate, gate, 60, -60, -9][random.integer(5)]!),
      )
      const aLog = Float32Array.from({ length: heads }, (_, h) => [0.3, 4, -9][h % 3]!)
      const biases = random.normals(heads)
      const weight = Float32Array.from([1, ...aLog.map((log) => -Math.exp(log)), ...biases])
      const yStride = heads * valueDim + 3
      const [state_stride, state_offset] = [(heads * keyDim * valueDim) / 4 + 2, 1]
      const scan = (steps: Parameters<typeof runSteps>[0]) =>
        runSteps(
          steps,
          { lengths, width: yStride, state: random.normals(4 * lengths.length * state_stride) },
          async (step, state) => {
            const x = rowsOf(step, rows, width)
            const tokens = x.length / width
            const outputs = await runKernel(gpu, deltaScan, {
              variant: { constants: { workgroup_size, heads, key_dim: keyDim, value_dim: valueDim } },
              inputs: {
                x,
                gates: rowsOf(step, gates, gatesStride),
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
                q_offset: 1,
                k_offset: 1 + keys / 4,
                v_offset: 4 + 2 * keys,
                key_run: keysInTurn ? 1 : ratio,
                key_heads: keyHeads,
                gates_stride: gatesStride,
                a_offset: aOffset,
                b_offset: 3,
                gates_run: run,
                gates_run_stride: runStride,
                rate_offset: 1,
                dt_bias_offset: 1 + heads,
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
          const key = keysInTurn ? h % keyHeads : Math.floor(h / ratio)
          const gate = 3 + Math.floor(h / run) * runStride + (h % run)
          const y = reference({
            q: each.map((t) => part(t, 4 + key * keyDim, keyDim)),
            k: each.map((t) => part(t, 4 + keys + key * keyDim, keyDim)),
            v: each.map((t) => part(t, 4 + 2 * keys + h * valueDim, valueDim)),
            a: each.map((t) => gates[s]![t * gatesStride + gate + aOffset - 3]!),
            b: each.map((t) => gates[s]![t * gatesStride + gate]!),
            dtBias: biases[h]!,
            aLog: aLog[h]!,
          })
          for (const [t, values] of y.entries()) expected.set(values, (first + t) * yStride + h * valueDim)
        }
        first += length
      })
      const label = `delta_scan ${workgroup_size} lanes, ${JSON.stringify(given)}`
      // What is kept of a value never grows, so neither do errors; the greatest one is that of e^−x with x near 40.
      const greatest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expectClose(label, whole, expected, () => 3e-6 * greatest)
      const pieces = await scan(raggedSteps(lengths, 2, random))
      expectSame(`${label}, in pieces`, pieces, whole)
    })
  },
)
