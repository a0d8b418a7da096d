import { describe, expect, inject, it } from 'vitest'
import { hardware, type Variants } from '../../../src/model/variants'
import type { KvFormat } from '../../../src/util/kv-format'
import { llamaLogits } from '../../reference/llama'
import { ForcedSequence } from '../../support/force-tokens'
import { loadModelBytes } from '../../support/load-model'
import { allTypes, type TinyModelOptions, tinyModel } from '../../support/tiny-model'
import { randomNumbers } from '../../support/tiny-model-tensors'

interface Case {
  readonly name: string
  readonly model: TinyModelOptions
  readonly cache: KvFormat
  readonly variants?: Variants
}

/** Every tensor type, beside others and alone, and every shape that a config may ask for. */
const cases: readonly Case[] = [
  { name: 'Q4_1 weights', model: { types: allTypes('Q4_1') }, cache: 'f16' },
  {
    name: 'Q6_K weights',
    model: { types: allTypes('Q6_K'), hidden: 256, heads: 16, intermediate: 256 },
    cache: 'f32',
  },
  {
    name: 'another type for V, for up and for an output matrix of its own',
    model: { types: { ...allTypes('Q4_1'), embedding: 'Q8_0', v: 'Q8_0', up: 'F16', output: 'Q4_0' } },
    cache: 'f16',
  },
  {
    name: 'a type for each of Q, K and V',
    model: {
      types: { ...allTypes('Q8_0'), q: 'Q4_0', k: 'BF16', v: 'F32', down: 'Q4_0', attentionOutput: 'F16' },
    },
    cache: 'f32',
  },
  {
    name: 'rows that are no whole groups of 32',
    model: { types: allTypes('F16'), hidden: 36, heads: 3, kvHeads: 1, headDim: 12, intermediate: 44 },
    cache: 'f16',
  },
  {
    name: 'heads of 80, of which 64 turn, at scaled positions, with factors',
    model: {
      hidden: 160,
      heads: 2,
      headDim: 80,
      ropeDim: 64,
      ropeScale: 4,
      ropeFactors: true,
      ropeBase: 500,
    },
    cache: 'f32',
  },
  {
    name: 'heads of 256 and an attention wider than the hidden size',
    model: { headDim: 256, heads: 2, kvHeads: 1 },
    cache: 'f16',
  },
  {
    name: 'sixty query heads on one kv head and a vocabulary of an odd length',
    model: { headDim: 8, heads: 60, kvHeads: 1, hidden: 480, vocab: 331 },
    cache: 'f16',
  },
  { name: 'the variants of a GPU', model: {}, cache: 'f16', variants: hardware },
]

/** Each type alone, and what has heads of its own with the other cache. */
const more: readonly Case[] = [
  ...(['F32', 'F16', 'BF16', 'Q4_0', 'Q8_0'] as const).map(
    (type): Case => ({ name: `${type} weights`, model: { types: allTypes(type) }, cache: 'f16' }),
  ),
  ...cases
    .filter(({ model }) => model.headDim !== undefined)
    .map((each): Case => ({ ...each, cache: each.cache === 'f16' ? 'f32' : 'f16' })),
  { name: 'quantized keys and values', model: {}, cache: 'int8' },
  { name: 'quantized keys and values', model: { headDim: 80, heads: 2, hidden: 160 }, cache: 'int4' },
  { name: 'the variants of a GPU', model: {}, cache: 'int4', variants: hardware },
  {
    name: 'the variants of a GPU and Q6_K weights',
    model: { types: allTypes('Q6_K'), hidden: 256, heads: 16, intermediate: 256 },
    cache: 'f32',
    variants: hardware,
  },
]

const promptTokens = 165
/** Within a block, over a block's end, over a split's end. */
const chunks = [7, 31, 1, 64, 62]
const decodeTokens = 3

describe('the forward pass gives the reference’s logits', () => {
  // On lavapipe each shape of head and each type compiles for a minute: there a few show that its variants are right.
  const those = inject('adapter') === 'swiftshader' ? cases : cases.slice(0, 3)
  for (const each of inject('long') ? [...cases, ...more] : those) {
    it(`with ${each.name}, ${each.cache} cache`, () => compare(each))
  }
})

async function compare({ model: options, cache, variants }: Case): Promise<void> {
  const tiny = tinyModel(options)
  const random = randomNumbers(7)
  const ids = Array.from({ length: promptTokens + decodeTokens }, () =>
    Math.floor(tiny.shape.vocab * random()),
  )
  const expected = llamaLogits(tiny.shape, tiny.weights, ids, cache)
  const model = await loadModelBytes(tiny.file, { format: cache, variants })
  try {
    const sequence = new ForcedSequence(model.runner, 1, ids.length)
    for (const count of [...chunks, ...Array.from({ length: decodeTokens }, () => 1)]) {
      const { position } = sequence
      const { logits } = await sequence.prefill(ids.slice(position, position + count), count)
      const end = position + count - 1
      expect(distance(logits, expected[end]!), `after token ${end}`).toBeLessThan(tolerance[cache])
    }
  } finally {
    model.destroy()
  }
}

/** Of the logits' root mean square: an element of K or V that is rounded the other way moves them. */
const tolerance = { f32: 1e-4, f16: 1e-3, int8: 5e-3, int4: 5e-2 }

/** The greatest difference, relative to the root mean square of what is expected. */
function distance(got: ArrayLike<number>, expected: Float64Array): number {
  const scale = Math.sqrt(expected.reduce((sum, value) => sum + value * value, 0) / expected.length)
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - got[i]!) / scale), 0)
}
