import { describe, it } from 'vitest'
import { type Activation, activates } from '../../../src/kernels/activation'
import { gated, gatesInRow } from '../../../src/kernels/gated'
import { gated as reference } from '../../reference/activation'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

const activations: readonly Activation[] = [
  ...(['gelu', 'gelu-tanh', 'relu', 'relu-squared', 'quick-gelu', 'tanh', 'sigmoid', 'none'] as const).map(
    (kind) => ({ kind }),
  ),
  { kind: 'xielu', at: 1 },
  { kind: 'scaled-silu', alpha: 0.7 },
  { kind: 'clamped-swiglu', alpha: 1.702, limit: 2 },
]

/** 3 + 2|x| ulp of e⁻ˣ where it counts beside 1, 2.5 ulp of the quotient, a sum and a product. */
function relative(gate: number): number {
  return gamma(2 * (3 + 2 * Math.min(100, Math.abs(gate)) + 2.5 + 2))
}

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'gated values by workgroups of %s',
  (workgroup_size) => {
    it.each([1, 100, 1536])('gates rows of %s values and leaves the padding of y', async (width) => {
      const random = new Random(width)
      const activation: Activation = { kind: 'silu' }
      for (const tokens of [1, 5]) {
        const yStride = width + 2
        const x = random.normals(tokens * 2 * width, 4)
        // Gates where e⁻ˣ overflows, or vanishes beside 1.
        x.set([-2000, 2000, -87, -100].slice(0, width))
        const before = random.normals(tokens * yStride)
        const outputs = await runKernel(gpu, gated, {
          variant: { constants: { workgroup_size, ...activates(activation).constants } },
          inputs: { x, constants: 1, y: before },
          params: {
            ...gatesInRow(width),
            x_stride: 2 * width,
            y_stride: yStride,
            ...activates(activation).params,
          },
          shape: { tokens, width },
        })
        const expected = Float64Array.from(before)
        const tolerance = new Float64Array(before.length)
        for (let t = 0; t < tokens; t++) {
          for (let i = 0; i < width; i++) {
            const gate = x[2 * t * width + i]!
            const at = t * yStride + i
            expected[at] = reference(activation, gate, x[2 * t * width + width + i]!)
            // Below the least normal f32 a device may give 0.
            tolerance[at] = relative(gate) * Math.abs(expected[at]!) + 1e-30
          }
        }
        const label = `gated ${workgroup_size} lanes, ${tokens} × ${width}`
        expectClose(label, outputs.floats('y'), expected, (i) => tolerance[i]!)
      }
    })

    it.each([
      ['a gate for each value, beside the queries of its head', { part: 16, part_stride: 32, step: 1 }],
      ['one gate for a token', { part: 80, part_stride: 0, step: 0 }],
    ])('gates in place: %s', async (name, gates) => {
      const random = new Random(8)
      const [tokens, width, x_offset, x_stride, y_stride] = [3, 80, 16, 192, 83]
      const x = random.normals(tokens * x_stride, 4)
      const before = random.normals(tokens * y_stride)
      const activation: Activation = { kind: 'sigmoid' }
      const outputs = await runKernel(gpu, gated, {
        variant: {
          constants: { workgroup_size, ...activates(activation).constants },
          conditions: { in_place: true },
        },
        inputs: { x, constants: 1, y: before },
        params: { ...gates, width, x_offset, x_stride, y_stride, ...activates(activation).params },
        shape: { tokens, width },
      })
      const expected = Float64Array.from(before)
      for (let t = 0; t < tokens; t++) {
        for (let i = 0; i < width; i++) {
          const gate =
            t * x_stride +
            x_offset +
            Math.floor(i / gates.part) * gates.part_stride +
            (i % gates.part) * gates.step
          expected[t * y_stride + i] = reference(activation, x[gate]!, before[t * y_stride + i]!)
        }
      }
      const label = `gated ${workgroup_size} lanes, in place, ${name}`
      expectClose(label, outputs.floats('y'), expected, (i) => relative(30) * Math.abs(expected[i]!))
    })

    it.each(activations.map((activation) => [activation.kind, activation] as const))(
      'has %s as it is defined',
      async (kind, activation) => {
        const random = new Random(9)
        const width = 601
        // Over where it bends, and far outside.
        const gates = Float32Array.from({ length: width }, (_, i) => (i - 300) / 40)
        gates.set([-2000, -87, -1e-3, -1e-6, 1e-6, 1e-3, 87, 2000])
        const ups = random.normals(width)
        const constants = Float32Array.of(9, 0.8, 1.3, 0.5)
        const outputs = await runKernel(gpu, gated, {
          variant: { constants: { workgroup_size, ...activates(activation).constants } },
          inputs: { x: Float32Array.from([...gates, ...ups]), constants, y: width },
          params: {
            ...gatesInRow(width),
            x_stride: 2 * width,
            y_stride: width,
            ...activates(activation).params,
          },
          shape: { tokens: 1, width },
        })
        const expected = Float64Array.from(gates, (gate, i) =>
          reference(activation, gate, ups[i]!, constants),
        )
        // Φ and tanh are good to 2e-7, times the gate; the rest as silu.
        expectClose(
          `${kind} ${workgroup_size} lanes`,
          outputs.floats('y'),
          expected,
          (i) =>
            (relative(gates[i]!) + gamma(8)) * Math.abs(expected[i]!) +
            4e-7 * Math.min(8, Math.abs(gates[i]!)) * Math.abs(ups[i]!) +
            1e-7,
        )
      },
    )
  },
)
