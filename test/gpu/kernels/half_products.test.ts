import { describe, it } from 'vitest'
import { halfMatmul, halfStride } from '../../../src/kernels/half-rows'
import { software } from '../../../src/model/variants'
import { halfRow, halfRowWords } from '../../reference/half_rows'
import { isQuick, openTestGpu, testVariants } from '../../support/gpu'
import { expectClose, expectSame } from '../../support/gpu-compare'
import {
  expectedProduct,
  formName,
  type MatmulPoint,
  matmulPoints,
  multiply,
  multiplyBy,
  otherForms,
  type Product,
  type ProductForm,
  randomProduct,
  roundedProduct,
} from '../../support/gpu-products'
import { Random } from '../../support/gpu-random'
import { fittingColumns, productTypes, randomMatrix } from '../../support/gpu-weights'

const gpu = await openTestGpu()
const points: readonly MatmulPoint[] = [...new Set([software, ...testVariants(gpu)])]
  .flatMap(matmulPoints)
  .filter(({ subgroups }) => !subgroups)
/** Types of one span and of two, with a minimum and without. */
const allPointsTypes = ['Q4_1', 'Q6_K', 'Q2_K', 'F16']

/** A product, its rows as f16 as the twin makes them, and the same product of what those stand for. */
function inHalves(product: Product) {
  return roundedProduct(product, 32 * product.matrix.groups, (x) => {
    const row = halfRow(x)
    const values = row.h.map((h, i) => h * row.d[Math.floor(i / 32)]!)
    return { words: halfRowWords(row), values }
  })
}

function run(point: MatmulPoint, product: Product, words: Uint32Array<ArrayBuffer>) {
  const place = { x: words, x_stride: halfStride(32 * product.matrix.groups), x_offset: 0 }
  return multiplyBy(gpu, halfMatmul, { ...point, half_rows: true }, product, place)
}

async function check(
  type: string,
  shape: { rows: number; columns: number; tokens: number; grows?: number },
  form: ProductForm,
) {
  const random = new Random(9)
  const { rows, tokens, grows = 1 } = shape
  const columns = fittingColumns(type, shape.columns)
  const product = randomProduct(random, randomMatrix(random, type, rows, columns), tokens, form)
  // Values that f16 does not reach without a scale.
  product.x.forEach((value, i) => {
    product.x[i] = value * grows
  })
  const { words, rounded } = inHalves(product)
  const { y, tolerance } = expectedProduct(rounded)
  const all = allPointsTypes.includes(type) && Object.keys(form).length === 0
  const [first, ...others] = all ? points : points.slice(0, 1)
  const label = (point: MatmulPoint) =>
    `${JSON.stringify(point)} ${type} ${formName(form)} [${rows}, ${columns}] × ${tokens}`
  const got = await run(first!, product, words)
  expectClose(label(first!), got, y, (i) => tolerance[i]!)
  for (const point of others) expectSame(label(point), await run(point, product, words), got)
  expectSame(`${label(first!)} against matmul`, got, await multiply(gpu, first!, rounded))
}

describe.each(productTypes)('the product of a %s matrix with rows as f16', (type) => {
  const shapes = [
    { rows: 30, columns: 32, tokens: 2 },
    { rows: 134, columns: 576, tokens: 5 },
    ...(isQuick(gpu) ? [{ rows: 70, columns: 1536, tokens: 17 }] : []),
  ]
  it.each(shapes)('is right, and has the bits of the product of what they stand for, %j', (shape) =>
    check(type, shape, {}),
  )
})

it.each([1e-12, 1e12])('rows as f16 may have values of about %d', (grows) =>
  check('Q4_1', { rows: 54, columns: 96, tokens: 6, grows }, {}),
)

it.each([{ residual: true }, { gated: true }, ...otherForms.filter(({ sliced }) => !sliced)] as const)(
  'a product with rows as f16 does all that others do with its sums: %j',
  (form) => check('Q4_1', { rows: 54, columns: 96, tokens: 6 }, form),
)
