import { describe, it } from 'vitest'
import { isQuick, openTestGpu, testVariants } from '../../support/gpu'
import { expectClose, expectSame } from '../../support/gpu-compare'
import {
  expectedProduct,
  formsToTest,
  type MatmulPoint,
  matmulPoints,
  matvecPointsToTest,
  multiply,
  paddedTokens,
  randomProduct,
} from '../../support/gpu-products'
import { Random } from '../../support/gpu-random'
import { fittingColumns, productTypes, randomMatrix } from '../../support/gpu-weights'

const gpu = await openTestGpu()
const points: readonly MatmulPoint[] = testVariants(gpu).flatMap(matmulPoints)
/** Points that no device uses today: the sum must not depend on how many lanes and tokens there are. */
const otherPoints: readonly MatmulPoint[] = [
  { workgroup_size: 8, tokens_per_lane: 8 },
  { workgroup_size: 8, tokens_per_lane: 4 },
]

/** Tokens that are no whole fours, rows that are no multiple of a lane's, fewer groups than segments, and many. */
const shapes = [
  { rows: 30, columns: 32, tokens: 2 },
  { rows: 134, columns: 576, tokens: 5 },
  ...(isQuick(gpu)
    ? [
        { rows: 322, columns: 1536, tokens: 33 },
        { rows: 6, columns: 2816, tokens: 4 },
      ]
    : []),
]

describe.each(productTypes)('the product of a %s matrix with many tokens', (type) => {
  it.each(formsToTest(type))('is right, %s', async (name, form) => {
    const random = new Random(3)
    for (const { rows, columns, tokens } of shapes) {
      const product = randomProduct(
        random,
        randomMatrix(random, type, rows, fittingColumns(type, columns)),
        tokens,
        form,
      )
      const { y, tolerance } = expectedProduct(product)
      for (const point of points) {
        const label = `matmul ${JSON.stringify(point)} ${type} ${name} [${rows}, ${columns}] × ${tokens}`
        expectClose(label, await multiply(gpu, point, product), y, (i) => tolerance[i]!)
      }
    }
  })

  it.each(formsToTest(type))(
    'has the bits of the product with one token at a time, in every variant, %s',
    async (name, form) => {
      const random = new Random(4)
      const [rows, tokens] = [54, 6]
      const product = randomProduct(
        random,
        randomMatrix(random, type, rows, fittingColumns(type, 800)),
        tokens,
        form,
      )
      const [first, ...others] = [
        ...matvecPointsToTest(gpu, type),
        ...points,
        ...(type === 'Q4_1' && name === 'plain' ? otherPoints : []),
      ]
      const expected = await multiply(gpu, first!, product)
      for (const point of others) {
        const label = `${JSON.stringify(point)} against ${JSON.stringify(first)}, ${type} ${name}`
        expectSame(label, await multiply(gpu, point, product), expected)
      }
    },
  )
})

it('sums a token the same way whatever other tokens there are', async () => {
  const random = new Random(5)
  const matrix = randomMatrix(random, 'Q4_1', 40, 576)
  const many = randomProduct(random, matrix, 9, {})
  for (const point of points) {
    const together = await multiply(gpu, point, many)
    for (const first of [0, 1, 3, 7]) {
      const tokens = Math.min(2, 9 - first)
      const x = new Float32Array(paddedTokens(tokens) * 576)
      x.set(many.x.subarray(first * 576, (first + tokens) * 576))
      const apart = await multiply(gpu, point, {
        ...many,
        tokens,
        x,
        before: many.before.slice(0, paddedTokens(tokens) * many.yStride),
      })
      for (let t = 0; t < tokens; t++) {
        const row = (values: Float32Array, at: number) =>
          values.subarray(at * many.yStride + 3, (at + 1) * many.yStride - 2)
        expectSame(`${JSON.stringify(point)} token ${first + t}`, row(apart, t), row(together, first + t))
      }
    }
  }
})
