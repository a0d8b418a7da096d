import { describe, expect, it } from 'vitest'
import { embed } from '../../../src/kernels/embed'
import { reads } from '../../../src/kernels/weights/format'
import { dequantize } from '../../reference/dequantize'
import { goldenTensors } from '../../support/golden-types'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose, expectSame } from '../../support/gpu-compare'
import { matmulPoints, matvecPoints, multiply, type Product, paddedTokens } from '../../support/gpu-products'
import { upload } from '../../support/gpu-upload'
import { hasMinimum, type TestMatrix, typeNames } from '../../support/gpu-weights'

const gpu = await openTestGpu()
const tensors = await goldenTensors()
/** The least normal f32: a device may give 0 for what is smaller. */
const leastNormal = 2 ** -126

async function sha256(values: Float64Array): Promise<string> {
  const digest = await crypto.subtle.digest(
    'SHA-256',
    Float32Array.from(values, (value) => value + 0),
  )
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

it('has reference tensors of every type that the kernels read', () => {
  expect(new Set(tensors.map(({ type }) => type))).toEqual(new Set(typeNames))
})

describe.each(tensors)('the reference tensor $name, uploaded as a file is', (tensor) => {
  const { name, type, dims, raw } = tensor
  const [columns, rows] = dims
  const { values, magnitudes } = dequantize(type, raw)

  async function uploaded(): Promise<TestMatrix> {
    const info = { name, type, dims, offset: 0, bytes: raw.length }
    const { matrices, planes } = await upload(gpu, [[info]], [], [[0, raw]])
    const { groups, format, shards } = matrices[0]!
    return {
      type,
      rows,
      columns,
      raw,
      values,
      magnitudes,
      groups,
      planes: shards[0]!.planes,
      words: planes[0]![0]!,
      variant: reads(format),
    }
  }

  it('has the values that gguf-py and ggml give', async () => {
    // The twin has them to the bit, once rounded; so the kernels may be measured by the twin.
    expect(await sha256(values)).toBe(tensor.sha256)
    const matrix = await uploaded()
    const { planes, groups } = matrix
    for (const { rowLanes, name: variant } of testVariants(gpu)) {
      const outputs = await runKernel(gpu, embed, {
        variant: { ...matrix.variant, constants: { workgroup_size: rowLanes } },
        inputs: {
          weights: matrix.words,
          batch: Uint32Array.from({ length: rows }, (_, row) => row),
          sampled: 1,
          y: rows * columns,
        },
        params: { ids_at: 0, id_offset: 0, ids: 0, first_row: 0, rows, groups, ...planes, scale: 1 },
        shape: { tokens: rows, rowBytes: 0, hidden: columns },
      })
      const rounded = Float32Array.from(values)
      expectClose(`${variant} ${name}`, outputs.floats('y'), rounded, (i) => {
        const flushed = Math.abs(rounded[i]!) < leastNormal ? Math.abs(rounded[i]!) : 0
        // One step of the larger term where a multiply-add may be fused, else exact.
        return hasMinimum(type) ? 2 ** -23 * magnitudes[i]! : flushed
      })
    }
  })

  it('gives the reference products with one column and with five, and the same bits token by token', async () => {
    const matrix = await uploaded()
    const product = (x: Float32Array, tokens: number): Product => {
      const padded = new Float32Array(paddedTokens(tokens) * columns)
      padded.set(x)
      const before = new Float32Array(paddedTokens(tokens) * rows)
      return {
        matrix,
        tokens,
        form: {},
        x: padded,
        xStride: columns,
        xOffset: 0,
        constants: new Float32Array(4),
        before,
        outputs: rows,
        yStride: rows,
        yOffset: 0,
      }
    }
    const bound = (x: Float32Array) => (i: number) => {
      const [token, row] = [Math.floor(i / rows), i % rows]
      let sum = 0
      for (let c = 0; c < columns; c++) sum += Math.abs(values[row * columns + c]! * x[token * columns + c]!)
      // Of Σ|W·x|, as the reference data's README has it; flushed subnormals count with the greatest |x|.
      return 2 ** -23 * 32 * sum + leastNormal * columns * 8
    }
    const { x, X } = tensor
    for (const variants of testVariants(gpu)) {
      const { name: variant } = variants
      const [oneColumn] = matvecPoints(variants)
      const y = await multiply(gpu, oneColumn!, product(x, 1))
      expectClose(`${variant} ${name} W·x`, y, tensor.y, bound(x))
      const Y = await multiply(gpu, matmulPoints(variants).at(-1)!, product(X, 5))
      expectClose(`${variant} ${name} X·Wᵀ`, Y, tensor.Y, bound(X))
      const byToken = await multiply(gpu, oneColumn!, product(X, 5))
      expectSame(`${variant} ${name}, tokens at once and one by one`, Y, byToken)
    }
  })
})
