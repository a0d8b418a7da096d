import { describe, it } from 'vitest'
import { isQuick, openTestGpu } from '../../support/gpu'
import { expectClose } from '../../support/gpu-compare'
import {
  expectedProduct,
  formsToTest,
  matvecPointsToTest,
  multiply,
  randomProduct,
} from '../../support/gpu-products'
import { Random } from '../../support/gpu-random'
import { fittingColumns, productTypes, randomMatrix } from '../../support/gpu-weights'

const gpu = await openTestGpu()

/** Rows that are no multiple of 4 or of a workgroup; columns of one group, of fewer groups than segments, of many. */
const shapes = [
  { rows: 2, columns: 32, tokens: 1 },
  { rows: 134, columns: 576, tokens: 1 },
  { rows: 66, columns: 1024, tokens: 3 },
  ...(isQuick(gpu) ? [{ rows: 322, columns: 2816, tokens: 2 }] : []),
]

describe.each(productTypes)('the product of a %s matrix with few tokens', (type) => {
  it.each(formsToTest(type))('is right, %s', async (name, form) => {
    const random = new Random(1)
    for (const { rows, columns, tokens } of shapes) {
      const matrix = randomMatrix(random, type, rows, fittingColumns(type, columns))
      const product = randomProduct(random, matrix, tokens, form)
      const { y, tolerance } = expectedProduct(product)
      for (const point of matvecPointsToTest(gpu, type)) {
        const got = await multiply(gpu, point, product)
        const label = `matvec ${JSON.stringify(point)} ${type} ${name} [${rows}, ${matrix.columns}] × ${tokens}`
        expectClose(label, got, y, (i) => tolerance[i]!)
      }
    }
  })
})

it('pads rows of plain types that are not whole groups of 32', async () => {
  const random = new Random(2)
  for (const type of ['F32', 'F16', 'BF16']) {
    for (const columns of [4, 36, 100]) {
      const product = randomProduct(random, randomMatrix(random, type, 10, columns), 1, {})
      const { y, tolerance } = expectedProduct(product)
      for (const point of matvecPointsToTest(gpu, type)) {
        const label = `matvec ${JSON.stringify(point)} ${type} [10, ${columns}]`
        expectClose(label, await multiply(gpu, point, product), y, (i) => tolerance[i]!)
      }
    }
  }
})
