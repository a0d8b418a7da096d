import { describe, it } from 'vitest'
import { embed } from '../../../src/kernels/embed'
import { embed as reference } from '../../reference/embed'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, unit } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'
import {
  fittingColumns,
  hasMinimum,
  randomMatrix,
  type TestMatrix,
  typeNames,
} from '../../support/gpu-weights'

const gpu = await openTestGpu()

interface Lookup {
  readonly ids: readonly number[]
  readonly sampled: readonly number[]
  readonly firstRow: number
  readonly idOffset?: number
  /** Ids from this one on take row 0. */
  readonly bound?: number
  readonly scale?: number
  readonly residual?: boolean
}

async function lookUp(workgroup_size: number, matrix: TestMatrix, lookup: Lookup) {
  const { ids, sampled, firstRow, idOffset = 0, bound, scale = 1, residual = false } = lookup
  const { planes, groups, rows } = matrix
  const width = groups * 32
  const outputs = await runKernel(gpu, embed, {
    variant: {
      ...matrix.variant,
      constants: { workgroup_size },
      conditions: {
        ...matrix.variant.conditions,
        bounded: bound !== undefined,
        scaled: scale !== 1,
        residual,
      },
    },
    inputs: {
      weights: matrix.words,
      batch: new Uint32Array([9, ...ids]),
      sampled: new Uint32Array(sampled),
      y: new Float32Array(ids.length * width).fill(7),
    },
    params: {
      ids_at: 1,
      id_offset: idOffset,
      ids: bound ?? 0,
      first_row: firstRow,
      rows,
      groups,
      ...planes,
      scale,
    },
    shape: { tokens: ids.length, rowBytes: 0, hidden: width },
  })
  return outputs.floats('y')
}

/** y as it must be: rows of other shards stay as they were, columns of padding are zero. */
function expectedRows(matrix: TestMatrix, values: Float64Array, ids: readonly number[], firstRow: number) {
  const width = matrix.groups * 32
  const y = new Float64Array(ids.length * width).fill(7)
  reference(values, matrix.columns, ids, firstRow).forEach((row, t) => {
    if (row) y.fill(0, t * width, (t + 1) * width).set(row, t * width)
  })
  return y
}

describe.each([...new Set(testVariants(gpu).map(({ rowLanes }) => rowLanes))])(
  'the embedding by %s lanes',
  (lanes) => {
    it.each(typeNames)('unpacks rows of %s', async (type) => {
      const random = new Random(6)
      for (const [rows, columns] of [
        [1, 32],
        [37, 576],
      ] as const) {
        const matrix = randomMatrix(random, type, rows, fittingColumns(type, columns))
        for (const ids of [[rows - 1], [0, rows - 1, 0, ...random.permutation(rows)]]) {
          const got = await lookUp(lanes, matrix, { ids, sampled: [0], firstRow: 0 })
          const expected = expectedRows(matrix, matrix.values, ids, 0)
          const magnitudes = expectedRows(matrix, matrix.magnitudes, ids, 0)
          // Quants, scales and their products are exact but for one rounding; a minimum may be added fused or not.
          const roundings = hasMinimum(type) ? 2 : 1
          const label = `embed ${lanes} lanes ${type} [${rows}, ${columns}] ids ${ids}`
          expectClose(label, got, expected, (i) => roundings * unit * magnitudes[i]!)
        }
      }
    })

    it('takes the id that the step before drew, by slot, and leaves rows of other shards alone', async () => {
      const matrix = randomMatrix(new Random(7), 'Q8_0', 20, 64)
      const [firstRow, sampled] = [100, [105, 3, 119]]
      const ids = [0x80000000, 0x80000001, 0x80000002, 100, 99, 120]
      const got = await lookUp(lanes, matrix, { ids, sampled, firstRow })
      const expected = expectedRows(matrix, matrix.values, [105, 3, 119, 100, 99, 120], firstRow)
      expectClose(`embed ${lanes} lanes, a shard`, got, expected, (i) => unit * Math.abs(expected[i]!))
    })

    it('takes row 0 for ids that it does not have', async () => {
      const matrix = randomMatrix(new Random(8), 'Q8_0', 20, 64)
      const ids = [19, 20, 0x80000000, 0x80000001, 3]
      const got = await lookUp(lanes, matrix, { ids, sampled: [1000, 7], firstRow: 0, bound: 20 })
      const expected = expectedRows(matrix, matrix.values, [19, 0, 0, 7, 3], 0)
      expectClose(`embed ${lanes} lanes, bounded`, got, expected, (i) => unit * Math.abs(expected[i]!))
    })

    it('adds scaled rows of ids further on', async () => {
      const matrix = randomMatrix(new Random(9), 'Q4_1', 20, 64)
      const [idOffset, scale, ids] = [2, 3.5, [0, 17, 5, 18]]
      const got = await lookUp(lanes, matrix, {
        ids,
        sampled: [0],
        firstRow: 0,
        idOffset,
        scale,
        residual: true,
      })
      const expected = new Float64Array(ids.length * 64).fill(7)
      reference(
        matrix.values,
        64,
        ids.map((id) => id + idOffset),
      ).forEach((row, t) => {
        row?.forEach((value, i) => {
          expected[t * 64 + i]! += scale * value
        })
      })
      expectClose(`embed ${lanes} lanes, added`, got, expected, () => unit * 100)
    })
  },
)
