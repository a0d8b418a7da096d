import { describe, it } from 'vitest'
import { splitSize } from '../../../src/kernels/attention'
import { attentionPart, dot } from '../../reference/attention_decode'
import { distinctPoints, isQuick, openTestGpu } from '../../support/gpu'
import { AttentionData, type HeadShape, runDecode, weightError } from '../../support/gpu-attention'
import { expectClose } from '../../support/gpu-compare'
import { Random } from '../../support/gpu-random'

const gpu = await openTestGpu()

/** Each is a pipeline of its own, and what is large compiles for a minute on lavapipe. */
const headShapes: readonly HeadShape[] = [
  { heads: 2, kvHeads: 2, headDim: 80, kv: 'f16' },
  { heads: 6, kvHeads: 2, headDim: 64, kv: 'f32' },
  { heads: 6, kvHeads: 2, headDim: 64, kv: 'int8' },
  { heads: 3, kvHeads: 1, headDim: 80, kv: 'int4' },
  ...(isQuick(gpu)
    ? []
    : ([
        { heads: 8, kvHeads: 1, headDim: 256, kv: 'f16' },
        { heads: 7, kvHeads: 1, headDim: 96, kv: 'f32' },
        // More query heads a kv head than lanes.
        { heads: 40, kvHeads: 1, headDim: 32, kv: 'f16' },
      ] satisfies HeadShape[])),
]

/** A single key, the borders of blocks of 32 and of splits of 64, and the middle. */
const contexts = [1, 31, 32, 33, 63, 64, 65, 128, 129, 300]

describe.each(distinctPoints(gpu, ['attentionDecode']))('decode attention, $name', (variants) => {
  it.each(headShapes)('gives each split its part, %o', async (shape) => {
    const { heads, headDim } = shape
    const random = new Random(heads)
    const data = new AttentionData(random, shape, contexts, contexts.length)
    const rows = random.permutation(contexts.length)
    const tokens = contexts.map((context, i) => ({ sequence: i, position: context - 1, row: rows[i]! }))
    const { values, splits } = await runDecode(gpu, variants, data, tokens)
    const expected = new Float64Array(values.length).fill(9)
    const tolerance = new Float64Array(values.length)
    tokens.forEach(({ sequence, position, row }, t) => {
      for (let head = 0; head < heads; head++) {
        for (let split = 0; split * splitSize <= position; split++) {
          const [first, last] = [split * splitSize, Math.min(position, (split + 1) * splitSize - 1)]
          const query = data.query(row, head)
          const keys = data.keys(sequence, head, first, last)
          const v = data.keys(sequence, head, first, last, true)
          const part = attentionPart(query, keys, v)
          const scores = keys.map((key) => dot(query, key))
          const error = weightError(query, keys, scores)
          const weights = scores.map((score, k) => Math.exp(score - part.greatest) * error(k))
          const at = ((t * heads + head) * splits + split) * (4 + headDim)
          expected.set([part.greatest, part.sum, 0, 0, ...part.output], at)
          tolerance[at] = error(scores.indexOf(part.greatest))
          tolerance[at + 1] = weights.reduce((sum, weight) => sum + weight, 0)
          for (let d = 0; d < headDim; d++) {
            tolerance[at + 4 + d] = weights.reduce((sum, weight, k) => sum + weight * Math.abs(v[k]![d]!), 0)
          }
        }
      }
    })
    const label = `attention_decode ${variants.name} ${JSON.stringify(shape)}`
    expectClose(label, values, expected, (i) => tolerance[i]!)
  })
})
