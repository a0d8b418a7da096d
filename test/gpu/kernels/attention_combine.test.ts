import { it } from 'vitest'
import { splitSize } from '../../../src/kernels/attention'
import { combineParts } from '../../reference/attention_combine'
import { openTestGpu } from '../../support/gpu'
import { AttentionData, type HeadShape, outputStride, runCombine } from '../../support/gpu-attention'
import { expectClose, gamma } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

it.each<HeadShape>([
  { heads: 3, kvHeads: 1, headDim: 64, kv: 'f16' },
  { heads: 2, kvHeads: 2, headDim: 80, kv: 'f16' },
  { heads: 1, kvHeads: 1, headDim: 256, kv: 'f16' },
])('merges one to five splits of each token, %o', async (shape) => {
  const { heads, headDim } = shape
  const random = new Random(headDim)
  const contexts = [1, 64, 65, 192, 300]
  const data = new AttentionData(random, shape, contexts, contexts.length + 1)
  const tokens = contexts.map((context, i) => ({ sequence: i, position: context - 1, row: (i + 2) % 6 }))
  const splits = 6
  // A split that lies far below the others, one far above, and splits of tokens that do not have them.
  const greatest = [0.5, -40, 3, 30, 3.5, 1e9]
  const values = new Float32Array(tokens.length * heads * splits * (4 + headDim))
  for (let at = 0; at < values.length; at += 4 + headDim) {
    const split = (at / (4 + headDim)) % splits
    values.set(
      [greatest[split]! + random.normal(), 1 + 20 * random.uniform(), 0, 0, ...random.normals(headDim)],
      at,
    )
  }
  const got = await runCombine(gpu, data, tokens, { values, splits })
  const stride = outputStride(data)
  const expected = new Float64Array(got.length).fill(7)
  const tolerance = new Float64Array(got.length)
  tokens.forEach(({ position, row }, t) => {
    for (let head = 0; head < heads; head++) {
      const own = Math.floor(position / splitSize) + 1
      const parts = Array.from({ length: own }, (_, split) => {
        const at = ((t * heads + head) * splits + split) * (4 + headDim)
        const output = Float64Array.from(values.subarray(at + 4, at + 4 + headDim))
        return { greatest: values[at]!, sum: values[at + 1]!, output }
      })
      const at = row * stride + head * headDim
      expected.set(combineParts(parts), at)
      const magnitudes = combineParts(parts.map((part) => ({ ...part, output: part.output.map(Math.abs) })))
      // Two exponentials a merge with exponents of at most 80 altogether, a product and a sum each; the quotient.
      magnitudes.forEach((magnitude, d) => {
        tolerance[at + d] = 2 * gamma(own * (2 * 3 + 2) + 2 * 2 * 80 + 5) * magnitude
      })
    }
  })
  expectClose(`attention_combine ${JSON.stringify(shape)}`, got, expected, (i) => tolerance[i]!)
})
