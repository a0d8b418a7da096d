import { describe, it } from 'vitest'
import { int8Matmul, int8Matvec, int8Stride } from '../../../src/kernels/int8-products'
import { chooseVariants, packedDotFeature } from '../../../src/model/variants'
import { int8Row, int8RowWords } from '../../reference/int8_rows'
import { isQuick, openTestGpu, testVariants } from '../../support/gpu'
import { expectClose, expectSame } from '../../support/gpu-compare'
import {
  expectedProduct,
  formName,
  type MatmulPoint,
  type MatvecPoint,
  multiplyBy,
  otherForms,
  type Product,
  type ProductForm,
  randomProduct,
  roundedProduct,
} from '../../support/gpu-products'
import { Random } from '../../support/gpu-random'
import { fittingColumns, formatOf, randomMatrix, typeNames } from '../../support/gpu-weights'

const gpu = await openTestGpu()
const dots = gpu.info.wgslFeatures.includes(packedDotFeature) ? [true, false] : [false]
/** Every point with each arithmetic; the bits must not depend on which. */
const points: readonly (MatvecPoint | MatmulPoint)[] = testVariants(gpu).flatMap(
  ({ int8Matvec: few, int8Matmul: many }) =>
    dots.flatMap((packed_dot) => [
      { ...few, columns: 1, packed_dot },
      { ...many, packed_dot },
    ]),
)
/** Types of which a word of pairs sums the products of two octets, of one, of none. */
const allPointsTypes = ['Q4_1', 'Q6_K', 'Q8_0']
/** What the adapter's engine takes. */
const own = chooseVariants(gpu.info)[0]!
function isOwn({ packed_dot, ...point }: MatvecPoint | MatmulPoint): boolean {
  const { int8Matvec, int8Matmul, packedDot } = own
  const wanted: Record<string, unknown> =
    'segment_lanes' in point ? { ...int8Matvec, columns: 1 } : int8Matmul
  const same = Object.entries(point).every(([name, value]) => value === wanted[name])
  return same && packed_dot === (packedDot === 1)
}
const types = typeNames.filter((type) => formatOf(type).integers)

/** A product, its rows in bytes as the twin makes them, and the same product of what those bytes stand for. */
function inBytes(product: Product) {
  return roundedProduct(product, product.matrix.columns, (x) => {
    const row = int8Row(x)
    const values = row.q.map((q, i) => q * row.d[Math.floor(i / 32)]!)
    return { words: int8RowWords(row), values }
  })
}

function run(point: MatvecPoint | MatmulPoint, product: Product, words: Uint32Array<ArrayBuffer>) {
  const kernel = 'segment_lanes' in point ? int8Matvec : int8Matmul
  return multiplyBy(gpu, kernel, point, product, {
    x: words,
    x_stride: int8Stride(product.matrix.columns),
    x_offset: 0,
  })
}

async function check(
  type: string,
  shape: { rows: number; columns: number; tokens: number },
  form: ProductForm,
) {
  const random = new Random(9)
  const { rows, tokens } = shape
  const columns = fittingColumns(type, shape.columns)
  const product = randomProduct(random, randomMatrix(random, type, rows, columns), tokens, form)
  const { words, rounded } = inBytes(product)
  const { y, tolerance } = expectedProduct(rounded)
  let bits: Float32Array | null = null
  // Every point and both arithmetics with a type of each magnitude of codes, which is what they depend on.
  const all = allPointsTypes.includes(type) && Object.keys(form).length === 0
  for (const point of points.filter((each) => all || isOwn(each))) {
    const label = `${JSON.stringify(point)} ${type} ${formName(form)} [${rows}, ${columns}] × ${tokens}`
    const got = await run(point, product, words)
    if (bits) expectSame(`${label} against ${JSON.stringify(points[0])}`, got, bits)
    else expectClose(label, got, y, (i) => tolerance[i]!)
    bits ??= got
  }
}

const forms: readonly ProductForm[] = [{}, { residual: true }, { gated: true }]

describe.each(types)('the product of a %s matrix with rows in bytes', (type) => {
  const shapes = [
    { rows: 30, columns: 32, tokens: 2 },
    { rows: 134, columns: 576, tokens: 9 },
    ...(isQuick(gpu) ? [{ rows: 70, columns: 1536, tokens: 17 }] : []),
  ]
  it.each(shapes)(
    'is right, and has the same bits in every variant and for any number of tokens, %j',
    (shape) => check(type, shape, {}),
  )
})

it.each([...forms.slice(1), ...otherForms.filter(({ sliced }) => !sliced)])(
  'a product with rows in bytes does all that others do with its sums: %j',
  (form) => check('Q4_1', { rows: 54, columns: 96, tokens: 6 }, form),
)
