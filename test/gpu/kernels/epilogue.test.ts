import { describe, expect, it } from 'vitest'
import { openTestGpu, testVariants } from '../../support/gpu'
import { expectClose, expectSame } from '../../support/gpu-compare'
import {
  expectedProduct,
  formName,
  matmulPoints,
  matvecPoints,
  multiply,
  otherForms,
  randomProduct,
} from '../../support/gpu-products'
import { Random } from '../../support/gpu-random'
import { randomMatrix } from '../../support/gpu-weights'

const gpu = await openTestGpu()
const points = testVariants(gpu).flatMap((variants) => [...matvecPoints(variants), ...matmulPoints(variants)])

it('a capped product of what is no number is none either', async () => {
  const random = new Random(12)
  const product = randomProduct(random, randomMatrix(random, 'Q8_0', 8, 64), 2, { cap: 30 })
  product.x.fill(Number.NaN, 0, product.xStride)
  for (const point of points) {
    const y = new Float32Array((await multiply(gpu, point, product)).buffer)
    const row = (token: number) =>
      y.subarray(token * product.yStride + product.yOffset).subarray(0, product.outputs)
    expect(row(0).every(Number.isNaN), JSON.stringify(point)).toBe(true)
    expect(row(1).every(Number.isFinite), JSON.stringify(point)).toBe(true)
  }
})

describe.each(otherForms.map((form) => [formName(form), form] as const))('a product, %s', (name, form) => {
  it('is right, and has the same bits for one token and for many', async () => {
    const random = new Random(11)
    const product = randomProduct(random, randomMatrix(random, 'Q8_0', 54, 96), 6, form)
    const { y, tolerance } = expectedProduct(product)
    const [first, ...others] = points
    const bits = await multiply(gpu, first!, product)
    expectClose(`${JSON.stringify(first)} ${name}`, bits, y, (i) => tolerance[i]!)
    for (const point of others) {
      expectSame(`${JSON.stringify(point)} ${name}`, await multiply(gpu, point, product), bits)
    }
  })
})
