import { describe, expect, it } from 'vitest'
import { pool, poolings } from '../../../src/kernels/pool'
import { pool as reference } from '../../reference/pool'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, expectSame, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()
const lanes = [...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))]
/** Rows of each sequence; there are rows before, between and behind that belong to none. */
const lengths = [1, 7, 2, 100]
const gap = 2

interface Case {
  readonly workgroup_size: number
  readonly pooling: (typeof poolings)[number]
  readonly normalized: boolean
}

const cases = lanes.flatMap((workgroup_size) =>
  poolings.flatMap((pooling) =>
    [true, false].map((normalized): Case => ({ workgroup_size, pooling, normalized })),
  ),
)

describe.each(cases)('pooling by $pooling, normalized: $normalized, $workgroup_size lanes', (variant) => {
  const { workgroup_size, pooling, normalized } = variant

  async function run(
    x: Float32Array<ArrayBuffer>,
    sequences: readonly (readonly [number, number])[],
    width: number,
  ) {
    const batch = Uint32Array.from([9, ...sequences.flat()])
    const outputs = await runKernel(gpu, pool, {
      variant: {
        constants: { workgroup_size, pooling: poolings.indexOf(pooling) },
        conditions: { normalized },
      },
      inputs: { x, batch, y: new Float32Array(sequences.length * (width + 3)).fill(7) },
      params: { sequences_at: 1, width, stride: width + 1, y_stride: width + 3 },
      shape: { sequences: sequences.length, tokens: 0, width },
    })
    return outputs.floats('y')
  }

  it.each([1, 33, 384])('makes a vector of %s values of each sequence', async (width) => {
    const stride = width + 1
    let row = gap
    const sequences = lengths.map((length) => {
      const first = row
      row += length + gap
      return [first, length] as const
    })
    const x = new Random(width).normals(row * stride)
    const got = await run(x, sequences, width)
    const rowsOf = ([first, length]: readonly [number, number]) =>
      Float32Array.from(
        { length: length * width },
        (_, i) => x[(first + Math.floor(i / width)) * stride + (i % width)]!,
      )
    for (const [s, sequence] of sequences.entries()) {
      const label = `${lengths[s]} × ${width}`
      const own = got.subarray(s * (width + 3), s * (width + 3) + width)
      const rows = rowsOf(sequence)
      const expected = reference(rows, width, pooling, normalized)
      const unscaled = reference(rows, width, pooling, false)
      const scale = normalized ? 1 / Math.max(Math.hypot(...unscaled), 1e-12) : 1
      // A sum’s error goes with the sum of magnitudes; the length adds a relative one.
      const sizes = reference(rows.map(Math.abs), width, pooling === 'max' ? 'mean' : pooling, false)
      const length = gamma(width / workgroup_size + Math.log2(workgroup_size) + 8)
      const summing =
        pooling === 'max' || pooling === 'cls' || pooling === 'last' ? 0 : gamma(lengths[s]! + 6)
      const worst = Math.max(...sizes) * Math.sqrt(width)
      const tolerance = (i: number) =>
        scale * (summing * (sizes[i]! + (normalized ? Math.abs(expected[i]!) * worst : 0)) + 1e-12) +
        (normalized ? length * Math.abs(expected[i]!) : 0)
      expectClose(label, own, expected, tolerance)
      const alone = await run(x, [sequence], width)
      expectSame(`${label} alone`, own, alone.subarray(0, width))
      expect([...got.subarray(s * (width + 3) + width, (s + 1) * (width + 3))], label).toEqual([7, 7, 7])
    }
  })
})

describe('a vector of zeros', () => {
  it('stays one', async () => {
    const outputs = await runKernel(gpu, pool, {
      variant: { constants: { workgroup_size: lanes[0]!, pooling: 0 }, conditions: { normalized: true } },
      inputs: { x: new Float32Array(64), batch: Uint32Array.of(0, 2), y: 32 },
      params: { sequences_at: 0, width: 32, stride: 32, y_stride: 32 },
      shape: { sequences: 1, tokens: 2, width: 32 },
    })
    expectSame('zeros', outputs.floats('y'), new Float32Array(32))
  })
})
