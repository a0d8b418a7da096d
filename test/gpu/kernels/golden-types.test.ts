import { describe, expect, it } from 'vitest'
import { embed } from '../../../src/kernels/embed'
import { reads } from '../../../src/kernels/weights/format'
import { dequantize } from '../../reference/dequantize'
import { openTestGpu, runKernel, testVariants } from '../../support/gpu'
import { expectClose } from '../../support/gpu-compare'
import { matmulPoints, multiply, type Product, paddedTokens } from '../../support/gpu-products'
import { upload } from '../../support/gpu-upload'
import { hasMinimum, type TestMatrix } from '../../support/gpu-weights'

interface Range {
  readonly offset: number
  readonly bytes: number
}

/** See test/golden/gguf-types/make.mjs. */
interface Index {
  readonly x: Range
  readonly X: Range
  readonly tensors: readonly (Range & {
    readonly name: string
    readonly type: string
    readonly dims: readonly [columns: number, rows: number]
    /** SHA-256 of the dequantized f32 values, with −0 written as 0. */
    readonly sha256: string
    readonly y: readonly number[]
    readonly Y: readonly number[]
  })[]
}

const gpu = await openTestGpu()
const index: Index = await (await fetch('/golden/gguf-types/types.json')).json()
const file = new Uint8Array(await (await fetch('/golden/gguf-types/types.bin')).arrayBuffer())
const floats = ({ offset, bytes }: Range) => new Float32Array(file.slice(offset, offset + bytes).buffer)
/** The least normal f32: a device may give 0 for what is smaller. */
const leastNormal = 2 ** -126

async function sha256(values: Float64Array): Promise<string> {
  const digest = await crypto.subtle.digest(
    'SHA-256',
    Float32Array.from(values, (value) => value + 0),
  )
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

describe.each(index.tensors)('the reference tensor $name, uploaded as a file is', (tensor) => {
  const { type, dims, offset, bytes } = tensor
  const [columns, rows] = dims
  const raw = file.slice(offset, offset + bytes)
  const { values, magnitudes } = dequantize(type, raw)

  async function uploaded(): Promise<TestMatrix> {
    const info = { name: tensor.name, type, dims, offset, bytes }
    const { matrices, planes } = await upload(gpu, [[info]], [], [[offset, raw]])
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
    for (const { rowLanes, name } of testVariants(gpu)) {
      const outputs = await runKernel(gpu, embed, {
        variant: { ...matrix.variant, constants: { workgroup_size: rowLanes } },
        inputs: {
          weights: matrix.words,
          batch: Uint32Array.from({ length: rows }, (_, row) => row),
          sampled: 1,
          y: rows * columns,
        },
        params: { ids_at: 0, first_row: 0, rows, groups, ...planes },
        shape: { tokens: rows, rowBytes: 0, hidden: columns },
      })
      const rounded = Float32Array.from(values)
      expectClose(`${name} ${tensor.name}`, outputs.floats('y'), rounded, (i) => {
        const flushed = Math.abs(rounded[i]!) < leastNormal ? Math.abs(rounded[i]!) : 0
        // One step of the larger term where a multiply-add may be fused, else exact.
        return hasMinimum(type) ? 2 ** -23 * magnitudes[i]! : flushed
      })
    }
  })

  it('gives the reference products with one column and with five', async () => {
    const matrix = await uploaded()
    const product = (x: Float32Array, tokens: number): Product => {
      const padded = new Float32Array(paddedTokens(tokens) * columns)
      padded.set(x)
      const before = new Float32Array(paddedTokens(tokens) * rows)
      return {
        matrix,
        tokens,
        x: padded,
        residual: false,
        swiglu: false,
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
    const [x, X] = [floats(index.x), floats(index.X)]
    for (const variants of testVariants(gpu)) {
      const { matvec, subgroups, name } = variants
      const y = await multiply(gpu, { ...matvec, subgroups }, product(x, 1))
      expectClose(`${name} ${tensor.name} W·x`, y, tensor.y, bound(x))
      const Y = await multiply(gpu, matmulPoints(variants).at(-1)!, product(X, 5))
      expectClose(`${name} ${tensor.name} X·Wᵀ`, Y, tensor.Y, bound(X))
    }
  })
})
