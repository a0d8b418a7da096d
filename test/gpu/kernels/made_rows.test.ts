import { describe, it } from 'vitest'
import { attentionCombine, splitSize } from '../../../src/kernels/attention'
import { int8Matvec, int8MatvecRounding, int8Stride } from '../../../src/kernels/int8-products'
import { type Int8RowsShape, int8GroupWords, int8Rows, roundedQuads } from '../../../src/kernels/int8-rows'
import { matvec, notMade, plainProduct } from '../../../src/kernels/matmul'
import { norm } from '../../../src/kernels/norm'
import { packedDotFeature } from '../../../src/model/variants'
import { distinctPoints, isQuick, openTestGpu, runKernel } from '../../support/gpu'
import { expectSame } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'
import { formatOf, randomMatrix, type TestMatrix } from '../../support/gpu-weights'

const gpu = await openTestGpu()
const points = distinctPoints(gpu, ['matvec', 'int8Matvec', 'rowLanes'])

/** Where pipelines compile slowly, one norm and one merge are rounded in products. */
const few = !isQuick(gpu)

interface Source {
  readonly x: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>
  readonly constants: Float32Array<ArrayBuffer>
  readonly routes?: Uint32Array<ArrayBuffer>
  readonly conditions?: Readonly<Record<string, boolean>>
  readonly moduleConstants?: Readonly<Record<string, number>>
  readonly params?: Readonly<Record<string, number>>
}

type Multiplier = typeof matvec | typeof int8Matvec | typeof int8MatvecRounding

/** Rows of two tokens, added to what is there, of a matrix with rows of `groups` whole groups. */
async function product(
  variants: (typeof points)[number],
  matrix: TestMatrix,
  tokens: number,
  { x, constants, routes = new Uint32Array(4), conditions = {}, moduleConstants = {}, params = {} }: Source,
  by: Multiplier = matvec,
): Promise<Float32Array> {
  const { subgroups, ...point } = by === matvec ? variants.matvec : variants.int8Matvec
  const { rows, groups, columns, planes, words, variant } = matrix
  const shape = { tokens, rows, outputs: rows, columns, weightBytes: words.byteLength, residual: true }
  const outputs = await runKernel<typeof shape>(gpu, by as typeof matvec, {
    variant: {
      ...variant,
      moduleConstants: { ...variant.moduleConstants, row_quads: groups * 8, ...moduleConstants },
      constants: { ...point, ...(by === matvec && { columns: 1 }), activation: 0 },
      conditions: { ...variant.conditions, residual: true, subgroups, ...conditions },
    },
    inputs: { weights: words, x, constants, routes, y: new Float32Array(tokens * rows).fill(0.5) },
    params: {
      ...plainProduct,
      rows,
      groups,
      segment_groups: Math.ceil(groups / 8),
      ...planes,
      x_stride: groups * 8,
      y_stride: rows,
      y_offset: 0,
      ...params,
    },
    shape,
  })
  return outputs.floats('y')
}

/** What a product of `rounded` words gives, and those that round what they make, or what they find in storage, by themselves. */
async function expectOwnRounding(
  label: string,
  variants: (typeof points)[number],
  matrix: TestMatrix,
  tokens: number,
  words: Uint32Array<ArrayBuffer>,
  { plain, made }: { readonly plain: Source; readonly made: Source },
): Promise<void> {
  const { groups } = matrix
  const packed_dot = variants.packedDot === 1 && gpu.info.wgslFeatures.includes(packedDotFeature)
  const { constants } = plain
  const params = { x_stride: int8Stride(32 * groups) }
  const stored = { x: words, constants, params, conditions: { packed_dot } }
  const expected = await product(variants, matrix, tokens, stored, int8Matvec)
  for (const source of [plain, made]) {
    const row_quads = roundedQuads(groups, source === made)
    const rounding = {
      ...source,
      moduleConstants: { ...source.moduleConstants, row_quads },
      conditions: { ...source.conditions, packed_dot, rounds: true },
    }
    const got = await product(variants, matrix, tokens, rounding, int8MatvecRounding)
    expectSame(`${label} ${source === made ? 'made and rounded' : 'rounded'} by itself`, got, expected)
  }
}

/** The words of rows in bytes, by so many lanes. */
async function rounded(
  workgroup_size: number,
  { groups }: Pick<TestMatrix, 'groups'>,
  tokens: number,
  source: Source,
): Promise<Uint32Array<ArrayBuffer>> {
  const { x, constants, routes = new Uint32Array(4), conditions, moduleConstants, params } = source
  const outputs = await runKernel<Int8RowsShape>(gpu, int8Rows, {
    variant: {
      constants: { workgroup_size },
      ...(conditions && { conditions, moduleConstants: { row_quads: groups * 8, ...moduleConstants } }),
    },
    inputs: { x, constants, routes, y: int8GroupWords * groups * tokens },
    params: { ...notMade, x_stride: groups * 8, x_offset: 0, groups, ...params },
    shape: { tokens, columns: 32 * groups, makes: conditions !== undefined },
  })
  return outputs.words('y')
}

describe.each(points.map((variants) => [variants.name, variants] as const))('by %s', (_, variants) => {
  it.each([
    { type: 'Q8_0', width: 32, kind: 'rms' },
    { type: 'Q4_1', width: 576, kind: 'rms' },
    { type: 'Q4_1', width: 1120, kind: 'layer' },
    { type: 'Q6_K', width: 2560, kind: 'rms' },
    { type: 'F16', width: 100, kind: 'layer' },
  ] as const)(
    'what normalizes its row as it reads it has the bits of norm and product, and of rounding, %o',
    async ({ type, width, kind }) => {
      const random = new Random(width)
      const matrix = randomMatrix(random, type, 54, width)
      const stride = matrix.groups * 32
      const tokens = 2
      const x = new Float32Array(tokens * stride)
      for (let t = 0; t < tokens; t++)
        x.set(
          random.normals(width).map((value) => 3 * value + 1),
          t * stride,
        )
      const [weightAt, biasAt, eps] = [5, 7 + width, 1e-5]
      const constants = random.normals(biasAt + width)
      const [centered, biased] = [kind === 'layer', kind === 'layer']
      const apart = await runKernel(gpu, norm, {
        variant: {
          constants: { workgroup_size: variants.rowLanes },
          conditions: { centered, weighted: true, biased },
        },
        inputs: { x, constants, y: tokens * stride },
        params: {
          width,
          x_stride: stride,
          x_offset: 0,
          y_stride: stride,
          y_offset: 0,
          weight_offset: weightAt,
          weight_stride: 0,
          bias_offset: biasAt,
          eps,
          scale: 1,
        },
        shape: { tokens, width },
      })
      const plain = { x: apart.floats('y'), constants }
      const made = {
        x,
        constants,
        conditions: { normalizes: true, centered, shifted: biased },
        params: { norm_width: width, norm_at: weightAt, norm_bias_at: biasAt, norm_eps: eps },
      }
      const expected = await product(variants, matrix, tokens, plain)
      const got = await product(variants, matrix, tokens, made)
      expectSame(`${variants.name} ${type} ${width}`, got, expected)
      const inBytes = await rounded(variants.headLanes, matrix, tokens, plain)
      const madeInBytes = await rounded(variants.rowLanes, matrix, tokens, made)
      expectSame(`${variants.name} ${width} in bytes`, madeInBytes, inBytes)
      if (!formatOf(type).integers || (few && kind !== 'layer')) return
      await expectOwnRounding(`${variants.name} ${type} ${width}`, variants, matrix, tokens, inBytes, {
        plain,
        made,
      })
    },
  )

  it.each([
    { heads: 3, valueDim: 64, context: 1, window: 0, sinks: false },
    { heads: 2, valueDim: 80, context: 300, window: 0, sinks: true },
    { heads: 5, valueDim: 20, context: 260, window: 90, sinks: false },
  ])(
    'what merges splits has the bits of attention_combine and product, and of rounding, %o',
    async (shape) => {
      const { heads, valueDim, context, window, sinks } = shape
      const random = new Random(context)
      const width = heads * valueDim
      const matrix = randomMatrix(random, 'F16', 30, width)
      const integers = randomMatrix(random, 'Q4_1', 30, matrix.groups * 32)
      const stride = matrix.groups * 32
      const splits = 6
      const partials = new Float32Array(heads * splits * (4 + valueDim))
      for (let at = 0; at < partials.length; at += 4 + valueDim) {
        partials.set([3 * random.normal(), 1 + 20 * random.uniform(), 0, 0, ...random.normals(valueDim)], at)
      }
      const constants = random.normals(16)
      const batch = Uint32Array.of(9, 9, 0, 1, context - 1, 0, context)
      const numbers = { value_dim: valueDim, heads, split_size: splitSize, window }
      const params = { tiles_at: 2, splits, sinks_at: 3 }
      const apart = await runKernel(gpu, attentionCombine, {
        variant: { constants: { ...numbers, workgroup_size: 16 }, conditions: { sinks } },
        inputs: { partials, batch, constants, y: stride },
        params: { ...params, y_stride: stride / 4 },
        shape: { tiles: 1, tokens: 1, maxContext: context, contextTokens: context },
      })
      const plain = { x: apart.floats('y'), constants }
      const made = {
        x: partials,
        constants,
        routes: batch,
        conditions: { combines: true, sinks },
        moduleConstants: numbers,
        params,
      }
      const expected = await product(variants, matrix, 1, plain)
      const got = await product(variants, matrix, 1, made)
      expectSame(`${variants.name} ${JSON.stringify(shape)}`, got, expected)
      const inBytes = await rounded(variants.headLanes, matrix, 1, plain)
      const madeInBytes = await rounded(variants.rowLanes, matrix, 1, made)
      expectSame(`${variants.name} ${JSON.stringify(shape)} in bytes`, madeInBytes, inBytes)
      if (few && !sinks) return
      await expectOwnRounding(`${variants.name} ${JSON.stringify(shape)}`, variants, integers, 1, inBytes, {
        plain,
        made,
      })
    },
  )
})
